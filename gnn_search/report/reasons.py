"""Say briefly what speaks for a product in a list."""

from __future__ import annotations

import numpy as np

from gnn_search.explanation.feature_words import in_words
from gnn_search.rerank.features import feature_names
from gnn_search.retrieval.rankers.candidate_ranker import CandidateRanker
from gnn_search.retrieval.ranking import Ranker, Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests

NEAR = "near by vector"
_MOST = 2
"""Facts that are told of a product."""

_FACTS = (
    ("own product", "the user {verb} it {how_often}"),
    ("query led to it", "the query led to it {how_often}"),
    ("own brand", "the user {verb} its brand {how_often}"),
)
"""What a flag of 1 is told as, what speaks most first."""

_TIMES = {"own product": "own product: times", "query led to it": "times for the query", "own brand": "own brand: times"}
"""The number that says how often."""


def give_reasons(ranker: Ranker, requests: EncodedRequests, ranking: Ranking, verb: str) -> list[list[str]]:
    """Return a reason for each place of some lists: facts that the reranker sees, or that the vector is near.

    These are facts, not shares of the score; `explanation` says what each adds.

    Args:
        ranker: What the lists were ranked by.
        requests: The requests.
        ranking: Their lists.
        verb: What it is to choose a product, `bought` or `chose`.
    """
    if not isinstance(ranker, CandidateRanker):
        return [[NEAR] * ranking.product.shape[1] for _ in range(len(ranking.product))]
    candidates, features = ranker.describe(requests)
    names = feature_names(ranker.candidates.settings, ranker.candidates.partner_relations)
    key = candidates.row * ranker.index.count + candidates.product
    wanted = np.arange(len(ranking.product))[:, None] * ranker.index.count + ranking.product
    place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    described = key[place] == wanted if len(key) else np.zeros(wanted.shape, dtype=np.bool_)
    table = features.numpy()

    def tell(at: int, there: bool) -> str:
        return _reason(dict(zip(names, table[at].tolist(), strict=True)), verb) if there else NEAR

    return [list(map(tell, row, known)) for row, known in zip(place.tolist(), described.tolist(), strict=True)]


def _reason(numbers: dict[str, float], verb: str) -> str:
    told = []
    for flag, phrase in _FACTS:
        if numbers.get(flag):
            how_often = in_words({flag: 1.0, _TIMES[flag]: numbers.get(_TIMES[flag], 0.0)}, verb)
            told.append(phrase.format(verb=verb, how_often=how_often))
    partners = [name.partition(":")[0] for name in numbers if name.endswith(": recent products") and numbers[name]]
    told += [f"{relation.replace('_', ' ')} recent products" for relation in partners]
    if numbers.get("words: share of the best match"):
        told.append("its words match")
    return "; ".join(told[:_MOST]) or NEAR
