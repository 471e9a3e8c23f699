"""Give short reasons for the products of a list."""

from __future__ import annotations

import numpy as np

from gnn_search.explanation.feature_words import describe_features
from gnn_search.rerank.features import feature_names
from gnn_search.retrieval.rankers.candidate_rankers import CandidateRanker
from gnn_search.retrieval.ranking import Ranker, Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests

NEAR = "near by vector"
_MOST = 2
"""Facts shown of a product."""

_FACTS = (
    ("own product", "the user {verb} it {how_often}"),
    ("query led to it", "the query led to it {how_often}"),
    ("own brand", "the user {verb} its brand {how_often}"),
)
"""Phrases of flags that are 1, the strongest first."""

_TIMES = {"own product": "own product: times", "query led to it": "times for the query", "own brand": "own brand: times"}
"""The feature that says how often."""


def give_reasons(ranker: Ranker, requests: EncodedRequests, ranking: Ranking, verb: str) -> list[list[str]]:
    """Return a reason for each place of some lists: facts that the reranker sees, or that the vector is near.

    These are facts, not shares of the score; `explanation` says what each adds.

    Args:
        ranker: What ranked the lists.
        requests: The requests.
        ranking: Their lists.
        verb: What users do with a product, `bought` or `chose`.
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

    def reason(at: int, there: bool) -> str:
        return _reason(dict(zip(names, table[at].tolist(), strict=True)), verb) if there else NEAR

    return [list(map(reason, row, known)) for row, known in zip(place.tolist(), described.tolist(), strict=True)]


def _reason(numbers: dict[str, float], verb: str) -> str:
    facts = []
    for flag, phrase in _FACTS:
        if numbers.get(flag):
            how_often = describe_features({flag: 1.0, _TIMES[flag]: numbers.get(_TIMES[flag], 0.0)}, verb)
            facts.append(phrase.format(verb=verb, how_often=how_often))
    partners = [name.partition(":")[0] for name in numbers if name.endswith(": recent products") and numbers[name]]
    facts += [f"{relation.replace('_', ' ')} recent products" for relation in partners]
    if numbers.get("words: share of the best match"):
        facts.append("its words match")
    return "; ".join(facts[:_MOST]) or NEAR
