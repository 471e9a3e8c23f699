"""Measure what an index finds and costs against exact search."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from pydantic import Field

from gnn_search.arrays import Float32, Int32
from gnn_search.config.base import StrictModel
from gnn_search.errors import RequestError
from gnn_search.index.base import ProductIndex, best, exact_scores
from gnn_search.layout import IndexLayout

CUT_OFFS = (10, 100)
_WARM_UP = 20
_MOST_TIMED = 2000
_LONGEST = 20.0
"""Most seconds of searching one query at a time."""
_BLOCK = 65_536
"""Vectors read at a time."""
_SPARE = 32
"""Candidates beyond k whose scores are computed again."""


class Measured(StrictModel):
    """Quality, speed and size of an index.

    Attributes:
        recall: Share of the exact list's products that the index finds, by the length of the list. A product that
            scores as well as the last of the exact list counts as found.
        k: Length of the lists whose search is timed.
        timed: Queries searched one at a time on a single thread.
        p50_ms, p95_ms, p99_ms: Wall time of these.
        cpu_ms: CPU time of one of these.
        batch_per_second: Queries per second when all are searched at once.
        batch_cpu_ms: CPU time of one of these.
        bytes_index: Of what FAISS holds, a product, in memory.
        bytes_full: Of the whole vectors for re-ranking, a product.
        full_in: Where these lie; None where there are none.
        build_wall_seconds, build_cpu_seconds: From the vectors to the written folder.
    """

    queries: int
    recall: dict[int, float]
    k: int
    timed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float
    batch_per_second: float
    batch_cpu_ms: float
    threads: int
    bytes_index: float
    bytes_full: int
    full_in: str | None
    build_wall_seconds: float = Field(ge=0)
    build_cpu_seconds: float = Field(ge=0)


@dataclass(frozen=True)
class Seconds:
    """Wall and CPU time of a piece of work."""

    wall: float
    cpu: float

    @classmethod
    def read(cls) -> Seconds:
        """Return the readings of both clocks."""
        return cls(time.perf_counter(), time.process_time())

    def since(self) -> Seconds:
        """Return what has passed since these readings."""
        end = Seconds.read()
        return Seconds(end.wall - self.wall, end.cpu - self.cpu)


def measure_index(
    index: ProductIndex, folder: Path, vectors: Float32, queries: Float32, build: Seconds, exact: Float32 | None = None
) -> Measured:
    """Compare an index with exact search, and time it.

    Shapes:
        - vectors: float32 [n, d], what was indexed; may be memory-mapped
        - queries: float32 [m, d], which played no part in making the index
        - exact: float32 [m, k], scores of the exact lists, where they are known

    Raises:
        RequestError: There is no query.
    """
    if not len(queries):
        raise RequestError("there is no query to measure the index with; give at least one")
    k = min(max(CUT_OFFS), index.count)
    known = nearest(vectors, queries, k)[0] if exact is None else exact
    index.search(queries[:_WARM_UP], k)
    start = Seconds.read()
    found = index.search(queries, k)[1]
    batch = start.since()
    latency, cpu = time_single(index, queries, k)
    p50, p95, p99 = (1000 * float(value) for value in np.quantile(latency, [0.5, 0.95, 0.99]))
    recall = {cut: recall_at(vectors, queries, index.search(queries, cut)[1], known, cut) for cut in [c for c in CUT_OFFS if c < k]}
    return Measured(
        queries=len(queries),
        recall={**recall, k: recall_at(vectors, queries, found, known, k)},
        k=k,
        timed=len(latency),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        cpu_ms=1000 * cpu / len(latency),
        batch_per_second=len(queries) / batch.wall,
        batch_cpu_ms=1000 * batch.cpu / len(queries),
        threads=faiss.omp_get_max_threads(),
        bytes_index=IndexLayout(folder).faiss.stat().st_size / index.count,
        bytes_full=0 if index.full is None else index.full.bytes_each,
        full_in=None if index.full is None else index.settings.full_in,
        build_wall_seconds=build.wall,
        build_cpu_seconds=build.cpu,
    )


def time_single(index: ProductIndex, queries: Float32, k: int) -> tuple[list[float], float]:
    """Search one query at a time on one thread, for at most 20 seconds; return wall seconds of each, and CPU seconds of all."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        for place in range(min(_WARM_UP, len(queries))):
            index.search(queries[place : place + 1], k)
        latency: list[float] = []
        begin = Seconds.read()
        for place in range(min(_MOST_TIMED, len(queries))):
            start = time.perf_counter()
            index.search(queries[place : place + 1], k)
            latency.append(time.perf_counter() - start)
            if begin.since().wall > _LONGEST:
                break
        return latency, begin.since().cpu
    finally:
        faiss.omp_set_num_threads(threads)


def nearest(vectors: Float32, queries: Float32, k: int, block: int = _BLOCK) -> tuple[Float32, Int32]:
    """Find each query's products with the largest inner products, reading the vectors a block at a time.

    Shapes:
        - vectors: float32 [n, d], at least k; may be memory-mapped
        - queries: float32 [m, d]
        - returns: score float32 [m, k] and row int32 [m, k]
    """
    width = min(k + _SPARE, len(vectors))
    score = np.empty((len(queries), 0), dtype=np.float32)
    row = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(vectors), block):
        part = np.ascontiguousarray(vectors[start : start + block])
        found, place = faiss.knn(queries, part, min(width, len(part)), metric=faiss.METRIC_INNER_PRODUCT)
        score, row = np.concatenate([score, found], axis=1), np.concatenate([row, place + start], axis=1)
        kept = np.argsort(-score, axis=1, kind="stable")[:, :width]
        score, row = np.take_along_axis(score, kept, axis=1), np.take_along_axis(row, kept, axis=1)
    return best(exact_scores(vectors.__getitem__, queries, row), row, k)


def recall_at(vectors: Float32, queries: Float32, found: Int32, exact: Float32, k: int) -> float:
    """Return the share of the exact list's first k places that a list fills as well.

    A product that scores as well as the k-th of the exact list counts, as of products with equal vectors any will do.

    Shapes:
        - vectors: float32 [n, d]
        - queries: float32 [m, d]
        - found: int32 [m, at least k], -1 for an empty place
        - exact: float32 [m, at least k], the scores of the exact list
    """
    score = exact_scores(vectors.__getitem__, queries, found[:, :k].astype(np.int64))
    return float(np.mean(score >= exact[:, k - 1 : k]))
