"""How long exact search takes, and what each method's lists cost."""

from __future__ import annotations

import time

import numpy as np
import torch

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.result import Evaluation
from gnn_search.graph.cases import Cases
from gnn_search.graph.csr import Float32, Int64
from gnn_search.index.flat import FlatIndex
from gnn_search.machine import describe_machine
from gnn_search.retrieval.ranking import Ranker

_QUERIES = 200
_WARM_UP = 10


class MethodCost(StrictModel):
    """What a list costs: milliseconds a case, ranked in large batches; and what it is worth."""

    method: str
    wall_ms: float
    cpu_ms: float
    recall: float


class IndexSpeed(StrictModel):
    """Latency of an index in milliseconds, one query at a time; `recall` is against exact search."""

    kind: str
    products: int
    k: int
    queries: int
    median_ms: float
    p95_ms: float
    recall: float


class SingleSearch(StrictModel):
    """Latency of the model from query and shopper to a list, in milliseconds, one search at a time."""

    searches: int
    k: int
    median_ms: float
    p95_ms: float
    p99_ms: float


class SearchSpeed(StrictModel):
    """Recall beside what it costs.

    Attributes:
        k: Cut-off of the recall.
        methods: As the evaluation measured them.
        single: The whole model, as measured when the page was made.
        indices: The search among the vectors alone, likewise.
        threads: In use for these.
        processor: Of the machine that measured these.
    """

    k: int
    methods: tuple[MethodCost, ...]
    single: SingleSearch
    indices: tuple[IndexSpeed, ...]
    threads: int
    processor: str


def measure_speed(evaluation: Evaluation, channel: Ranker, cases: Cases, products: Float32, queries: Float32) -> SearchSpeed:
    """Put costs beside recall, and time the model on cases and the exact index on queries, both spread over all there are.

    Shapes:
        products: float32 [products, d]; queries: float32 [queries, d].
    """
    k, threads = min(evaluation.k), torch.get_num_threads()
    return SearchSpeed(
        k=k,
        methods=costs_of(evaluation),
        single=_time_searches(channel, cases, k),
        indices=(_time_flat(products, queries, k),),
        threads=threads,
        processor=str(describe_machine(threads)["processor"]),
    )


def costs_of(evaluation: Evaluation) -> tuple[MethodCost, ...]:
    """Return what a case cost each method when all were ranked."""
    k, first = min(evaluation.k), evaluation.slices[0]
    return tuple(
        MethodCost(
            method=cost.method,
            wall_ms=1000 * cost.wall_seconds / evaluation.cases,
            cpu_ms=1000 * cost.cpu_seconds / evaluation.cases,
            recall=evaluation.score(cost.method, first, "recall", k).mean,
        )
        for cost in evaluation.costs
    )


def _time_searches(channel: Ranker, cases: Cases, k: int) -> SingleSearch:
    chosen = _spread(len(cases))
    user, query = cases.user[chosen], cases.query[chosen]
    for place in range(min(_WARM_UP, len(chosen))):
        channel.rank(user[place : place + 1], query[place : place + 1], k)
    seconds = []
    for place in range(len(chosen)):
        start = time.perf_counter()
        channel.rank(user[place : place + 1], query[place : place + 1], k)
        seconds.append(time.perf_counter() - start)
    median, p95, p99 = (1000 * float(one) for one in np.quantile(seconds, [0.5, 0.95, 0.99]))
    return SingleSearch(searches=len(chosen), k=k, median_ms=median, p95_ms=p95, p99_ms=p99)


def _spread(count: int) -> Int64:
    return np.unique(np.linspace(0, count - 1, min(_QUERIES, count)).astype(np.int64))


def _time_flat(products: Float32, queries: Float32, k: int) -> IndexSpeed:
    index = FlatIndex.build(products)
    asked = queries[_spread(len(queries))]
    for place in range(min(_WARM_UP, len(asked))):
        index.search(asked[place : place + 1], k)
    seconds, found = [], []
    for place in range(len(asked)):
        start = time.perf_counter()
        _, row = index.search(asked[place : place + 1], k)
        seconds.append(time.perf_counter() - start)
        found.append(row[0])
    shared = sum(len(np.intersect1d(*pair)) for pair in zip(found, _nearest(products, asked, k), strict=True))
    median, p95 = np.quantile(seconds, [0.5, 0.95])
    return IndexSpeed(
        kind="flat (exact)",
        products=len(products),
        k=k,
        queries=len(asked),
        median_ms=1000 * float(median),
        p95_ms=1000 * float(p95),
        recall=shared / (k * len(asked)),
    )


def _nearest(products: Float32, queries: Float32, k: int) -> Int64:
    """Return the rows with the largest inner products, the lower of equal ones, as `FlatIndex` promises: int64 [queries, k]."""
    score = (queries.astype(np.float64) @ products.astype(np.float64).T).astype(np.float32)
    return np.argsort(-score, axis=1, kind="stable")[:, :k]
