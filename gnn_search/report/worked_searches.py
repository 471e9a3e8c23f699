"""Example searches: the model with and without the user, the strongest other method and BM25, with reasons for the model's products."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Int64, sorted_unique
from gnn_search.config.base import StrictModel
from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph
from gnn_search.report.reasons import give_reasons
from gnn_search.retrieval.rankers.build import ModelCaseRanker
from gnn_search.retrieval.ranking import PADDING, CaseRanker, Ranking
from gnn_search.trained.model import Model


class WorkedHit(StrictModel):
    """One product of a list.

    Attributes:
        product_id: The shop's id.
        title: Of the product.
        relevant: Whether the user then interacted with it.
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
        query: The text.
        user_id: Of the user.
        relevant: Titles of the relevant products.
        lists: For the user; for an anonymous one; by another method, where one is given; by BM25.
    """

    query: str
    user_id: str | int
    relevant: tuple[str, ...]
    lists: tuple[WorkedList, ...]


def work_searches(
    model: Model, best: ModelCaseRanker, cases: Cases, other: CaseRanker | None = None, count: int = 20, k: int = 5
) -> tuple[WorkedSearch, ...]:
    """Search for some cases of known users, spread evenly over the period: none is picked for how well it goes.

    Args:
        model: The model.
        best: Its best channel as of the start of the period.
        cases: Of the period.
        other: A method to compare with.
        count: How many, at most.
        k: Length of each list.
    """
    place = _spread(np.flatnonzero(cases.user >= 0), count)
    user, query, graph = cases.user[place], cases.query[place], model.graph
    nobody, k = np.full_like(user, -1), min(k, graph.num_nodes["product"])
    verb = "bought" if graph.positive_actions == ["purchase"] else "chose"
    lists: list[tuple[str, Ranking, list[list[str]]]] = []
    for name, who in (("For this user", user), ("For an anonymous user", nobody)):
        ranking = best.rank(who, query, k)
        lists.append((name, ranking, _reasons(best, who, query, ranking, verb)))
    if other is not None:
        ranking = other.rank(user, query, k)
        lists.append((f"{other.name}, for this user", ranking, [[""] * k] * len(place)))
    lexical = Bm25(graph).rank(nobody, query, k)
    lists.append(("bm25", lexical, [[f"BM25 {score:.1f}" for score in row] for row in lexical.score.tolist()]))
    return tuple(_worked(graph, cases, int(case), row, lists) for row, case in enumerate(place))


def _spread(cases: Int64, count: int) -> Int64:
    return cases[sorted_unique(np.linspace(0, len(cases) - 1, count).astype(np.int64))] if len(cases) else cases


def _reasons(best: ModelCaseRanker, user: np.ndarray, query: np.ndarray, ranking: Ranking, verb: str) -> list[list[str]]:
    if not len(user):
        return []
    return give_reasons(best.ranker, best.encoder.encode_nodes(user, query), ranking, verb)


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
