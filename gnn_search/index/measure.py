"""Measure what an index finds and costs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

# torch comes before FAISS: each brings an OpenMP of its own, and in the other order some systems stop in a deadlock.
# isort: off
import torch  # noqa: F401
import faiss
# isort: on

import numpy as np

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Float32
from gnn_search.index.approximate import ApproximateIndex
from gnn_search.index.flat import FlatIndex
from gnn_search.index.measured import Measured
from gnn_search.index.nearest import nearest, recall_at
from gnn_search.layout import IndexLayout

CUT_OFFS = (10, 100)
_WARM_UP = 20
_MOST_TIMED = 2000
_LONGEST = 20.0
"""Seconds for which queries are asked one at a time."""


@dataclass(frozen=True)
class Seconds:
    """Wall and CPU time of a piece of work."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Seconds:
        """Return the readings of both clocks."""
        return cls(time.perf_counter(), time.process_time())

    def since(self) -> Seconds:
        """Return what has passed since these readings."""
        now = Seconds.now()
        return Seconds(now.wall - self.wall, now.cpu - self.cpu)


def measure_index(
    index: FlatIndex | ApproximateIndex, folder: Path, vectors: Float32, queries: Float32, build: Seconds, exact: Float32 | None = None
) -> Measured:
    """Hold an index against exact search, and time it.

    Args:
        index: Opened from its folder.
        folder: The folder.
        vectors: What was indexed; may be memory-mapped.
        queries: What is asked: queries that played no part in making the index.
        build: What making it took.
        exact: Scores of the exact lists, where they are known; else they are found here.

    Shapes:
        vectors: float32 [n, d]; queries: float32 [m, d]; exact: float32 [m, k].

    Raises:
        RequestError: There is no query.
    """
    if not len(queries):
        raise RequestError("there is no query to measure the index with; give at least one")
    k = min(max(CUT_OFFS), index.count)
    known = nearest(vectors, queries, k)[0] if exact is None else exact
    index.search(queries[:_WARM_UP], k)
    start = Seconds.now()
    found = index.search(queries, k)[1]
    batch = start.since()
    latency, cpu = time_single(index, queries, k)
    p50, p95, p99 = (1000 * float(value) for value in np.quantile(latency, [0.5, 0.95, 0.99]))
    recall = {cut: recall_at(vectors, queries, index.search(queries, cut)[1], known, cut) for cut in [c for c in CUT_OFFS if c < k]}
    bytes_full, full_in = _full_of(index)
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
        bytes_full=bytes_full,
        full_in=full_in,
        build_wall_seconds=build.wall,
        build_cpu_seconds=build.cpu,
    )


def _full_of(index: FlatIndex | ApproximateIndex) -> tuple[int, str | None]:
    """Return the bytes of a whole vector that is kept for re-ranking, and where they lie."""
    if isinstance(index, FlatIndex) or index.full is None:
        return 0, None
    return index.full.bytes_each, index.settings.full_in


def time_single(index: FlatIndex | ApproximateIndex, queries: Float32, k: int) -> tuple[list[float], float]:
    """Ask one query at a time on one thread, for 20 seconds at most: wall seconds of each, and CPU seconds of all."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        for place in range(min(_WARM_UP, len(queries))):
            index.search(queries[place : place + 1], k)
        latency: list[float] = []
        begin = Seconds.now()
        for place in range(min(_MOST_TIMED, len(queries))):
            start = time.perf_counter()
            index.search(queries[place : place + 1], k)
            latency.append(time.perf_counter() - start)
            if begin.since().wall > _LONGEST:
                break
        return latency, begin.since().cpu
    finally:
        faiss.omp_set_num_threads(threads)
