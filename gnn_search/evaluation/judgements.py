"""Evaluate methods on judged queries: over the whole catalogue, and on the judged products alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.arrays import PADDING, Bool, Float64, Int32, Int64, expand_ranges, sorted_unique
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.evaluation.qrels import Qrels
from gnn_search.evaluation.result import Evaluation, Manifest
from gnn_search.evaluation.run_folder import RunWriter, hash_cases
from gnn_search.evaluation.slices import ALL_CASES, Slice
from gnn_search.graph.cases import Cases, sample_rows
from gnn_search.graph.judgements import JUDGEMENTS
from gnn_search.graph.store import Graph
from gnn_search.progress import Progress
from gnn_search.retrieval.rankers.build import ModelCaseRanker
from gnn_search.retrieval.ranking import CaseRanker, Ranking, best_products, empty_ranking

_BLOCK = 64
"""Queries whose judged products are ranked at once."""
_PLACES = 1 << 23
"""Most places of whole rankings of the catalogue that are held at once."""


@dataclass(frozen=True, eq=False)
class QueryJudgements:
    """The judged queries of a split that have a relevant product, each with all of its judged products.

    Shapes:
        - gain: float64 [rows], what the grade of each of the cases' products is worth
        - relevant: bool [rows], whether it counts as relevant
    """

    cases: Cases
    gain: Float64
    relevant: Bool

    def qrels(self) -> Qrels:
        """Return which rows are relevant, and their gains for NDCG."""
        return Qrels(self.cases.case_of_row(), len(self.cases), grade=self.gain, relevant=self.relevant)

    def slices(self) -> list[Slice]:
        """Return the one slice that is reported."""
        return [Slice(ALL_CASES, np.ones(len(self.gain), dtype=np.bool_))]


def read_judgements(graph: Graph, split: str, time: int, limit: int | None = None, seed: int = 0) -> QueryJudgements | None:
    """Read the judged queries of a split; None where the graph has no judgements.

    Queries without a relevant product tell nothing of recall, and are left out.

    Args:
        graph: The shop.
        split: `test`, `validation` or `train`.
        time: A ranker sees the graph as of then, µs.
        limit: Most queries to keep: a uniform sample without replacement.
        seed: Seed of the sample.
    """
    if JUDGEMENTS not in graph.manifest.num_examples:
        return None
    rows = graph.examples(JUDGEMENTS).filter((pl.col("split") == split) & pl.col("relevant").any().over("query"))
    queries = rows["query"].unique().sort()
    if limit is not None:
        queries = queries.gather(sample_rows(len(queries), limit, seed))
    rows = rows.filter(pl.col("query").is_in(queries.implode()))  # stored by query, then product
    cases = Cases(
        user=np.full(len(queries), -1, dtype=np.int32),
        query=queries.to_numpy(),
        indptr=np.cumsum(np.r_[0, rows.group_by("query", maintain_order=True).len()["len"].cast(pl.Int64).to_numpy()]),
        product=rows["product"].to_numpy(),
        labels=pl.DataFrame(),
        repeat=np.zeros(rows.height, dtype=np.bool_),
        time=time,
    )
    return QueryJudgements(cases, rows["gain"].to_numpy(), rows["relevant"].to_numpy())


def evaluate_judgements(
    judgements: QueryJudgements,
    rankers: Sequence[CaseRanker],
    graph: Graph,
    k: Sequence[int],
    n_resamples: int,
    seed: int,
    *,
    reference: str | None,
    manifest: Manifest,
    recorder: RunWriter | None = None,
    progress: Progress | None = None,
) -> dict[str, Evaluation]:
    """Score methods on judged queries, as `evaluate` does on cases: `judgements` over the whole catalogue, `pool` on each query's pool.

    Graded NDCG takes what each grade is worth; a product that nobody judged is worth nothing. The pool is short, so it is measured at the
    first cut-off alone.

    Args:
        judgements: The queries.
        rankers: The methods.
        graph: The shop.
        k: Cut-offs of the lists.
        n_resamples: Bootstrap resamples over queries.
        seed: Of resamples and tests.
        reference: Name of the method that every other is compared with.
        manifest: Of the run that this is a part of.
        recorder: Of that run; both results become run folders inside its own.
        progress: Called as the work goes on.
    """
    cases, parts = judgements.cases, {"judgements": (list(rankers), tuple(k))}
    parts["pool"] = (pool_rankers(rankers, cases, graph), (min(k),))
    found = {}
    for name, (methods, cuts) in parts.items():
        writer = None if recorder is None else recorder.inside(getattr(recorder.layout, name))
        evaluation = evaluate(
            cases,
            methods,
            graph,
            cuts,
            n_resamples,
            seed,
            reference=reference,
            slices=judgements.slices(),
            qrels=judgements.qrels(),
            recorder=writer,
            progress=progress,
        ).model_copy(update={"manifest": manifest.model_copy(update={"cases_hash": hash_cases(cases)})})
        if writer is not None:
            writer.finish(evaluation)
        found[name] = evaluation
    return found


class PoolRanker:
    """Ranks the judged products of a query alone, in the order in which another method ranks them.

    A method that makes no place for a judged product, such as BM25 for one without a word of the query, leaves it out.

    Args:
        ranker: The other method.
        cases: The judged queries, ascending, each with its products.
        num_products: Of the whole catalogue.
    """

    def __init__(self, ranker: CaseRanker, cases: Cases, num_products: int) -> None:
        self.name = ranker.name
        self._ranker, self._cases, self._num_products = ranker, cases, num_products

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`; queries are some of the judged ones."""
        lists = empty_ranking(len(query), k)
        size = max(1, min(_BLOCK, _PLACES // self._num_products))
        for start in range(0, len(query), size):
            block = slice(start, start + size)
            found = self._rank_block(user[block], query[block], k)
            lists.product[block], lists.score[block] = found.product, found.score
        return lists

    def _rank_block(self, user: Int32, query: Int32, k: int) -> Ranking:
        case = np.searchsorted(self._cases.query, query)
        row, place = expand_ranges(self._cases.indptr[case], self._cases.indptr[case + 1])
        product = self._cases.product[place]
        if isinstance(self._ranker, ModelCaseRanker):
            allowed = sorted_unique(product)
            ranking = self._ranker.rank(user, query, len(allowed), allowed)
        else:
            ranking = self._ranker.rank(user, query, self._num_products)
        at = _places(ranking.product, self._num_products)[row, product]
        ranked = np.flatnonzero(at >= 0)
        row, product, at = row[ranked], product[ranked], at[ranked]
        products, _, (taken, column) = best_products(len(query), k, row, product, -at.astype(np.float64))
        scores = np.full(products.shape, -np.inf, dtype=np.float32)
        scores[row[taken], column] = ranking.score[row[taken], at[taken]]
        return Ranking(products, scores)


def pool_rankers(rankers: Sequence[CaseRanker], cases: Cases, graph: Graph) -> list[CaseRanker]:
    """Return the same methods over each query's judged products alone."""
    return [PoolRanker(ranker, cases, graph.num_nodes["product"]) for ranker in rankers]


def _places(product: Int32, num_products: int) -> Int64:
    """Return the place of every product in each list, from 0, -1 for one that it does not hold: int64 [lists, products]."""
    places = np.full((len(product), num_products), -1, dtype=np.int64)
    row, column = np.nonzero(product != PADDING)
    places[row, product[row, column]] = column
    return places
