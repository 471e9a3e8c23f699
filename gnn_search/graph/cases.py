"""The requests of a period and their relevant products: the cases that validation and evaluation score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnn_search.arrays import expand_ranges
from gnn_search.config.recipe import MEASURED
from gnn_search.errors import RequestError
from gnn_search.graph.pairs import count_interactions
from gnn_search.graph.store import Graph

_SESSION = "_session_of_nobody"
CASE_KEYS = ("user", "query", _SESSION)
"""Columns of `case_events` that, with the labels, tell cases apart."""


@dataclass(frozen=True, eq=False)
class Cases:
    """Requests of one period with the products that answered them.

    Shapes:
        - user: int32 [cases], -1 where the user is not known
        - query: int32 [cases]
        - indptr: int64 [cases + 1], the relevant products of case i are rows `indptr[i]` to `indptr[i + 1]`
        - product: int32 [rows], distinct and ascending inside a case
        - labels: `cases` rows, one column a label of the recipe
        - repeat: bool [rows], the user had interacted with this product before the period began
        - time: start of the period in µs; a ranker sees the graph as of then
    """

    user: NDArray[np.int32]
    query: NDArray[np.int32]
    indptr: NDArray[np.int64]
    product: NDArray[np.int32]
    labels: pl.DataFrame
    repeat: NDArray[np.bool_]
    time: int

    def __len__(self) -> int:
        return len(self.user)

    def case_of_row(self) -> NDArray[np.int64]:
        """Return the case that each relevant row belongs to, int64[rows]."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.indptr))


def build_cases(graph: Graph, split: Literal["validation", "test"] = "test", limit: int | None = None, seed: int = 0) -> Cases:
    """Gather the events of a period into cases.

    A case is a distinct (user, query, labels); of an event without a user a distinct (session, query, labels), told apart by
    the session's start. Relevant is every product of a positive interaction in it. A split by last interactions measures only
    those that it marked.

    Args:
        graph: The shop.
        split: The period.
        limit: Most cases to keep: a uniform sample without replacement, in the order of the events. None keeps all.
        seed: Seed of the sample.

    Returns:
        The cases in the order of their first event.

    Raises:
        RequestError: The period is none that can be evaluated, holds no interaction, or `limit` is below 1.
    """
    time = _period_start(graph, split)
    if limit is not None and limit < 1:
        raise RequestError(f"expected at least one case to evaluate, got a limit of {limit}; give a positive number")
    labels = list(graph.manifest.labels)
    # One row a case, with the list of its products.
    grouped = case_events(graph, split).group_by(*CASE_KEYS, *labels, maintain_order=True).agg(pl.col("product").unique().sort())
    if grouped.height == 0:
        raise RequestError(f"{graph.path}: the {split} period of graph '{graph.manifest.name}' holds no event; move the recipe's split")
    if limit is not None and limit < grouped.height:
        grouped = grouped[sample_rows(grouped.height, limit, seed)]
    user = grouped["user"].to_numpy().astype(np.int32)
    sizes = grouped["product"].list.len().cast(pl.Int64).to_numpy()
    product = grouped["product"].explode().to_numpy().astype(np.int32)
    known = count_interactions(graph.before(time)).find(np.repeat(user, sizes), product)
    return Cases(
        user=user,
        query=grouped["query"].to_numpy().astype(np.int32),
        indptr=np.cumsum(np.r_[0, sizes]),
        product=product,
        labels=grouped.select(labels),
        repeat=known >= 0,
        time=time,
    )


def case_events(graph: Graph, split: str) -> pl.DataFrame:
    """Return the interactions of a period that are measured, with the columns that tell cases apart; user is -1 where unknown."""
    events = graph.examples(split)
    measured = events.filter(MEASURED) if MEASURED in events.columns else events
    session = pl.when(pl.col("user").is_null()).then(pl.col("session_start")).alias(_SESSION)
    return measured.filter(pl.col("action").is_in(graph.positive_actions)).with_columns(session, pl.col("user").fill_null(-1))


def sample_rows(total: int, limit: int, seed: int) -> NDArray[np.int64]:
    """Return the numbers of the cases, out of `total`, that a sample of at most `limit` holds: int64, ascending."""
    if limit >= total:
        return np.arange(total, dtype=np.int64)
    random = np.random.Generator(np.random.Philox(seed))
    return np.sort(random.choice(total, size=limit, replace=False))


def take_cases(cases: Cases, rows: NDArray[np.int64]) -> Cases:
    """Return some of the cases.

    Shapes:
        rows: int64[taken].
    """
    if len(rows) == len(cases):
        return cases
    starts, ends = cases.indptr[rows], cases.indptr[rows + 1]
    kept = expand_ranges(starts, ends)[1]
    return Cases(
        user=cases.user[rows],
        query=cases.query[rows],
        indptr=np.cumsum(np.r_[0, ends - starts]),
        product=cases.product[kept],
        labels=cases.labels[rows],
        repeat=cases.repeat[kept],
        time=cases.time,
    )


def _period_start(graph: Graph, split: str) -> int:
    starts = {"validation": graph.manifest.validation_start, "test": graph.manifest.test_start}
    if split not in starts:
        raise RequestError(f"expected a period of {' or '.join(starts)} to evaluate, got '{split}'")
    return int(starts[split])
