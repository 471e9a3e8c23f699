"""Example searches: the model with and without the user, the strongest other method and BM25, with reasons for the model's products."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import PADDING, spread_evenly
from gnn_search.config.base import StrictModel
from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.explanation.reranker_features import describe_features
from gnn_search.graph.cases import Cases
from gnn_search.graph.describe import interaction_verb
from gnn_search.graph.store import Graph
from gnn_search.rerank.features import QUERY_INTERACTION, QUERY_TIMES, feature_names
from gnn_search.retrieval.rankers.build import ModelCaseRanker
from gnn_search.retrieval.rankers.candidate_rankers import CandidateRanker
from gnn_search.retrieval.ranking import CaseRanker, Ranker, Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests
from gnn_search.trained.model import Model


class WorkedHit(StrictModel):
    """One product of a list.

    Attributes:
        reason: Why it is in the list; empty for methods that give none.
    """

    product_id: str | int
    title: str
    relevant: bool
    reason: str


class WorkedList(StrictModel):
    """The head of one list, and its method."""

    name: str
    hits: tuple[WorkedHit, ...]

    @property
    def found(self) -> bool:
        """Whether it holds a relevant product."""
        return any(hit.relevant for hit in self.hits)


class WorkedSearch(StrictModel):
    """One case of the period and the heads of several lists.

    Attributes:
        lists: For the user; for an anonymous one; by another method, where one is given; by BM25.
    """

    query: str
    user_id: str | int
    relevant: tuple[str, ...]
    lists: tuple[WorkedList, ...]


def work_searches(
    model: Model, best: ModelCaseRanker, cases: Cases, other: CaseRanker | None = None, count: int = 20, k: int = 5
) -> tuple[WorkedSearch, ...]:
    """Search for some cases of known users, spread evenly over the period: none is picked for how well it goes."""
    known = np.flatnonzero(cases.user >= 0)
    place = known[spread_evenly(len(known), count)]
    user, query, graph = cases.user[place], cases.query[place], model.graph
    nobody, k = np.full_like(user, -1), min(k, graph.num_nodes["product"])
    verb = interaction_verb(graph)
    lists: list[tuple[str, Ranking, list[list[str]]]] = []
    for name, who in (("For this user", user), ("For an anonymous user", nobody)):
        ranking = best.rank(who, query, k)
        reasons = give_reasons(best.ranker, best.encoder.encode_nodes(who, query), ranking, verb) if len(who) else []
        lists.append((name, ranking, reasons))
    if other is not None:
        ranking = other.rank(user, query, k)
        lists.append((f"{other.name}, for this user", ranking, [[""] * k] * len(place)))
    lexical = Bm25(graph).rank(nobody, query, k)
    lists.append(("bm25", lexical, [[f"BM25 {score:.1f}" for score in row] for row in lexical.score.tolist()]))
    return tuple(_worked(graph, cases, int(case), row, lists) for row, case in enumerate(place))


def _worked(graph: Graph, cases: Cases, case: int, row: int, lists: list[tuple[str, Ranking, list[list[str]]]]) -> WorkedSearch:
    relevant = cases.product[cases.indptr[case] : cases.indptr[case + 1]].tolist()
    ids, titles = graph.nodes("product").to_series(0), graph.nodes("product")["title"]

    def hits(ranking: Ranking, reasons: list[str]) -> tuple[WorkedHit, ...]:
        return tuple(
            WorkedHit(product_id=ids[product], title=titles[product], relevant=product in relevant, reason=reason)
            for product, reason in zip(ranking.product[row].tolist(), reasons, strict=True)
            if product != PADDING
        )

    return WorkedSearch(
        query=graph.nodes("query")["query"][int(cases.query[case])],
        user_id=graph.nodes("user").to_series(0)[int(cases.user[case])],
        relevant=tuple(titles[product] for product in relevant),
        lists=tuple(WorkedList(name=name, hits=hits(ranking, reasons[row])) for name, ranking, reasons in lists),
    )


NEAR = "near by vector"
_MOST = 2
"""Facts shown of a product."""

_FACTS = (
    ("own product", "own product: times", "the user {verb} it {how_often}"),
    (QUERY_INTERACTION, QUERY_TIMES, "users of this query {verb} it {how_often}"),
    ("own brand", "own brand: times", "the user {verb} its brand {how_often}"),
)
"""Flags, the features that say how often, and what is said of flags that are 1; the strongest first."""


def give_reasons(ranker: Ranker, requests: EncodedRequests, ranking: Ranking, verb: str) -> list[list[str]]:
    """Return a reason for each place of some lists: facts that the reranker sees, or that the vector is near.

    These are facts, not shares of the score; `explanation` says what each adds.
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
    for flag, times, phrase in _FACTS:
        if numbers.get(flag):
            how_often = describe_features({flag: 1.0, times: numbers.get(times, 0.0)}, verb)
            facts.append(phrase.format(verb=verb, how_often=how_often))
    partners = [name.partition(":")[0] for name in numbers if name.endswith(": recent products") and numbers[name]]
    facts += [f"{relation.replace('_', ' ')} recent products" for relation in partners]
    if numbers.get("words: share of the best match"):
        facts.append("its words match")
    return "; ".join(facts[:_MOST]) or NEAR
