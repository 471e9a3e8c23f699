"""What an index finds and costs."""

from __future__ import annotations

from pydantic import Field

from gnn_search.config.base import StrictModel


class Measured(StrictModel):
    """Quality, speed and size of an index.

    Attributes:
        queries: How many were asked.
        recall: Share of the exact list's products that the index finds, by the length of the list that is asked for. A product that
            scores as well as the last of the exact list counts as found.
        k: Length of the lists whose search is timed.
        timed: Queries that were asked one at a time on a single thread.
        p50_ms, p95_ms, p99_ms: Wall time of these.
        cpu_ms: CPU time of one of these.
        batch_per_second: Queries a second when all are asked at once.
        batch_cpu_ms: CPU time of one of these.
        threads: Of the batch.
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
