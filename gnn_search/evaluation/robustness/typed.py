"""How each method answers labelled queries that no log holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Float64
from gnn_search.evaluation.robustness.lists import FIRST_PLACES, RatioBootstrap, rank_texts, text_rankers
from gnn_search.evaluation.robustness.result import ALL_KINDS, TypedResult, TypedScore
from gnn_search.evaluation.robustness.typed_queries import AcceptedCategories, TypedQueries
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph
from gnn_search.progress import Progress
from gnn_search.retrieval.ranking import CaseRanker


@dataclass(frozen=True, eq=False)
class TypedRun:
    """What one method has for each labelled query.

    Shapes:
        - good: float64 [queries], share of the first places with a product of an accepted category
        - none: float64 [queries], 1 where there is none
    """

    method: str
    good: Float64
    none: Float64


def measure_typed(
    queries: TypedQueries,
    categories: AcceptedCategories,
    graph: Graph,
    rankers: Sequence[CaseRanker],
    n_resamples: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[TypedResult, pl.DataFrame] | None:
    """Rank labelled queries, as nobody in particular, by every method that answers any text.

    Args:
        queries: The queries.
        categories: What each accepts.
        graph: The shop.
        rankers: All methods of the evaluation; those that know only the queries of the log are left out.
        n_resamples: Bootstrap resamples over the queries.
        seed: Of the resamples.
        progress: Called as the work goes on.

    Returns:
        The result, and a table with a row for each method and query; None where no method answers texts.
    """
    methods = text_rankers(rankers)
    if not methods:
        return None
    places = min(FIRST_PLACES, graph.num_nodes["product"])
    category, nobody = np.asarray(graph.taxonomy.product_category), np.full(len(queries.rows), -1, dtype=np.int32)
    runs = []
    for ranker in methods:
        lists = rank_texts(ranker, nobody, queries.texts, places, progress)
        accepted = np.take_along_axis(categories.accepted, np.where(lists >= 0, category[lists], -1), axis=1)
        runs.append(TypedRun(ranker.name, accepted.sum(axis=1) / places, np.where(accepted.any(axis=1), 0.0, 1.0)))
    kind = np.array([row.kind for row in queries.rows])
    result = TypedResult(
        k=places,
        queries=len(queries.rows),
        in_log=int(np.count_nonzero(IdLookup(graph.nodes("query")["query"]).find(queries.texts) >= 0)),
        unknown_paths=len(categories.unknown),
        unanswerable=len(categories.unanswerable),
        kinds=(ALL_KINDS, *queries.kinds),
        scores=tuple(
            score
            for run in runs
            for name in (ALL_KINDS, *queries.kinds)
            for score in score_typed([run], name, (kind == name) | (name == ALL_KINDS), n_resamples, seed)
        ),
    )
    columns = {"id": [str(row.id) for row in queries.rows], "query": [row.query for row in queries.rows], "kind": kind.tolist()}
    rows = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    table = pl.concat(
        rows.with_columns(pl.lit(run.method).alias("method"), pl.Series("good", run.good), pl.Series("none", run.none)) for run in runs
    )
    return result, table


def score_typed(runs: Sequence[TypedRun], kind: str, rows: Bool, n_resamples: int, seed: int) -> tuple[TypedScore, ...]:
    """Estimate what each method has for some of the queries, with intervals over queries.

    Shapes:
        - rows: bool [queries]
    """
    count = int(rows.sum())
    bootstrap, scores = RatioBootstrap(np.full(count, -1, dtype=np.int32), n_resamples, seed), []
    for run in runs:
        good, none = bootstrap.estimate(np.stack([run.good[rows], run.none[rows]], axis=1), np.ones((count, 2)))
        assert good is not None
        assert none is not None
        scores.append(TypedScore(method=run.method, kind=kind, queries=count, good=good, none=none))
    return tuple(scores)
