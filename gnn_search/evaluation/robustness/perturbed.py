"""What each method keeps when the queries of the cases are changed a little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Float64, Int32, Int64, expand_ranges, sorted_unique
from gnn_search.evaluation.robustness.lists import FIRST_PLACES, RatioBootstrap, rank_texts, text_rankers
from gnn_search.evaluation.robustness.perturbations import PERTURBATIONS, perturb
from gnn_search.evaluation.robustness.result import PerturbedKind, PerturbedResult, PerturbedScore
from gnn_search.graph.cases import Cases
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph
from gnn_search.progress import Progress
from gnn_search.retrieval.ranking import CaseRanker
from gnn_search.sampling.random_source import RandomSource

_EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class PerturbedCases:
    """One case of each sampled query, by kind.

    Shapes:
        - kind: int64 [rows], ascending places in `kinds`
        - case: int64 [rows], numbers of the cases
        - text: String [rows], the changed queries
    """

    kinds: tuple[PerturbedKind, ...]
    kind: Int64
    case: Int64
    text: pl.Series


def sample_perturbed(cases: Cases, graph: Graph, limit: int, seed: int) -> PerturbedCases:
    """Change the distinct queries of the cases and keep at most `limit` a kind, with one case each.

    Which queries come first and which case stands for a query is drawn by the query and the case; so the kinds mostly share their queries.
    """
    texts = graph.nodes("query")["query"]
    random, number = RandomSource(seed), np.arange(len(cases), dtype=np.int64)
    drawn = random.uniform("case of a perturbed query", 0, number, 1)[:, 0]
    order = np.lexsort((drawn, cases.query))
    query, first = np.unique(cases.query[order], return_index=True)
    shuffled = np.argsort(random.uniform("perturbed queries", 0, query.astype(np.int64), 1)[:, 0], kind="stable")
    query, case = query[shuffled], number[order[first[shuffled]]]
    before, lookup = texts.gather(query), IdLookup(texts)
    kinds, parts = [], []
    for place, kind in enumerate(PERTURBATIONS):
        after = perturb(before, query.astype(np.int64), kind, seed)
        unchanged = (after == before).to_numpy()
        in_log = ~unchanged & (lookup.find(after) >= 0)
        changed = np.flatnonzero(~unchanged & ~in_log)
        kept = changed[:limit]
        examples = zip(before.gather(kept[:_EXAMPLES]).to_list(), after.gather(kept[:_EXAMPLES]).to_list(), strict=True)
        kinds.append(
            PerturbedKind(
                kind=kind,
                unchanged=int(unchanged.sum()),
                in_log=int(in_log.sum()),
                changed=len(changed),
                sampled=len(kept),
                examples=tuple(examples),
            )
        )
        parts.append((np.full(len(kept), place, dtype=np.int64), case[kept], after.gather(kept)))
    return PerturbedCases(
        tuple(kinds),
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        pl.concat([p[2] for p in parts]),
    )


@dataclass(frozen=True, eq=False)
class PerturbedRun:
    """What one method does in each row of the perturbed cases, before and after the change.

    Shapes:
        - recall, perturbed_recall: float64 [rows]
        - none, perturbed_none: float64 [rows], 1 for a list without a category of the query's own, NaN where the query has none
    """

    method: str
    recall: Float64
    perturbed_recall: Float64
    none: Float64
    perturbed_none: Float64


def measure_perturbed(
    cases: Cases,
    graph: Graph,
    rankers: Sequence[CaseRanker],
    limit: int,
    n_resamples: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[PerturbedResult, pl.DataFrame] | None:
    """Rank the cases of a sample of queries as they were and changed, by every method that answers any text.

    Args:
        cases: The cases.
        graph: The shop.
        rankers: All methods of the evaluation; those that know only the queries of the log are left out.
        limit: Most queries a kind of change.
        n_resamples: Bootstrap resamples over users.
        seed: Of the sample, the changes and the resamples.
        progress: Called as the work goes on.

    Returns:
        The result, and a table with a row for each method, kind and query; None where no query can be changed or no method answers texts.
    """
    sample, methods = sample_perturbed(cases, graph, limit, seed), text_rankers(rankers)
    if not len(sample.case) or not methods:
        return None
    places = min(FIRST_PLACES, graph.num_nodes["product"])
    relevance = _Relevance(cases, graph, sample.case)
    runs = []
    # A query that several kinds change is ranked once as it was.
    shared, row = np.unique(sample.case, return_inverse=True)
    for ranker in methods:
        before = ranker.rank(cases.user[shared], cases.query[shared], places).product[row]
        after = rank_texts(ranker, cases.user[sample.case], sample.text, places, progress)
        runs.append(
            PerturbedRun(ranker.name, relevance.recall(before), relevance.recall(after), relevance.none(before), relevance.none(after))
        )
    user = cases.user[sample.case]
    result = PerturbedResult(
        k=places,
        queries=len(sorted_unique(cases.query)),
        limit=limit,
        kinds=sample.kinds,
        scores=_estimate(sample, runs, user, n_resamples, seed),
    )
    return result, _table(cases, graph, sample, runs)


def score_perturbed(
    runs: Sequence[PerturbedRun], kind: str, rows: Bool, user: Int32, n_resamples: int, seed: int
) -> tuple[PerturbedScore, ...]:
    """Estimate what each method keeps in some rows of one kind.

    Shapes:
        - rows: bool [rows]
        - user: int32 [rows]
    """
    bootstrap = RatioBootstrap(user[rows], n_resamples, seed)
    scores = []
    for run in runs:
        recall, after, none, none_after = (values[rows] for values in (run.recall, run.perturbed_recall, run.none, run.perturbed_none))
        one, counted = np.ones(len(recall)), (~np.isnan(none)).astype(np.float64)
        top = np.stack([recall, after, after, np.nan_to_num(none), np.nan_to_num(none_after)], axis=1)
        found = bootstrap.estimate(top, np.stack([one, one, recall, counted, counted], axis=1))
        assert found[0] is not None
        assert found[1] is not None
        scores.append(
            PerturbedScore(
                method=run.method,
                kind=kind,
                cases=len(recall),
                recall=found[0],
                perturbed_recall=found[1],
                kept=found[2],
                none=found[3],
                perturbed_none=found[4],
            )
        )
    return tuple(scores)


def _estimate(sample: PerturbedCases, runs: Sequence[PerturbedRun], user: Int32, n_resamples: int, seed: int) -> tuple[PerturbedScore, ...]:
    scores = [
        score
        for place, kind in enumerate(sample.kinds)
        if kind.sampled
        for score in score_perturbed(runs, kind.kind, sample.kind == place, user, n_resamples, seed)
    ]
    names = [run.method for run in runs]
    return tuple(sorted(scores, key=lambda score: names.index(score.method)))


class _Relevance:
    """What is relevant in some of the cases, and which categories are those of their queries.

    Shapes:
        - case: int64 [rows]
    """

    def __init__(self, cases: Cases, graph: Graph, case: Int64) -> None:
        starts, ends = cases.indptr[case], cases.indptr[case + 1]
        self._num_products = graph.num_nodes["product"]
        row, place = expand_ranges(starts, ends)
        self._relevant = sorted_unique(row * self._num_products + cases.product[place])
        self._size = (ends - starts).astype(np.float64)
        self._category = np.asarray(graph.taxonomy.product_category).astype(np.int64)
        self._query, self._categories = cases.query[case].astype(np.int64), max(graph.num_nodes.get("category", 0), 1)
        self._own = self._pairs(cases, graph)
        self._has_category = np.isin(self._query, self._own // self._categories)

    def recall(self, lists: Int32) -> Float64:
        """Return the share of each row's relevant products in its list, int32 [rows, k]."""
        row = np.arange(len(lists))[:, None]
        hits = np.isin(row * self._num_products + lists, self._relevant) & (lists >= 0)
        return np.asarray(hits.sum(axis=1) / self._size)

    def none(self, lists: Int32) -> Float64:
        """Return 1 for a list without a category of the query's own, NaN where the query has none: float64 [rows]."""
        category = np.where(lists >= 0, self._category[lists], -1)
        inside = np.isin(self._query[:, None] * self._categories + category, self._own) & (category >= 0)
        return np.where(self._has_category, (~inside.any(axis=1)).astype(np.float64), np.nan)

    def _pairs(self, cases: Cases, graph: Graph) -> Int64:
        """Return query and category of all that the queries led to, before the period and in it, as sorted numbers."""
        edges, wanted = graph.before(cases.time).edges(("product", "rev_leads_to", "query")), sorted_unique(self._query)
        row, place = expand_ranges(edges.starts[wanted], edges.ends[wanted])
        query = np.concatenate([wanted[row], cases.query[cases.case_of_row()].astype(np.int64)])
        product = np.concatenate([edges.csr.index[place], cases.product])
        category = self._category[product]
        return sorted_unique((query * self._categories + category)[category >= 0])


def _table(cases: Cases, graph: Graph, sample: PerturbedCases, runs: Sequence[PerturbedRun]) -> pl.DataFrame:
    """Return a row for each method, kind and query, with the shop's own user ids."""
    users, queries = graph.nodes("user"), graph.nodes("query")["query"]
    user = pl.Series(cases.user[sample.case]).replace(-1, None)
    names = pl.Series([kind.kind for kind in sample.kinds], dtype=pl.String)
    rows = pl.DataFrame(
        {
            "kind": names.gather(sample.kind),
            "case": pl.Series(sample.case, dtype=pl.UInt32),
            "user_id": users[users.columns[0]].gather(user),
            "user_node": user,
            "query": queries.gather(cases.query[sample.case]),
            "text": sample.text,
        }
    )
    values = ("recall", "perturbed_recall", "none", "perturbed_none")
    return pl.concat(
        rows.with_columns(pl.lit(run.method).alias("method"), *(pl.Series(name, getattr(run, name)).fill_nan(None) for name in values))
        for run in runs
    )
