"""What a tuning tried and chose."""

from __future__ import annotations

from pydantic import Field

from gnn_search.config.base import Settings, StrictModel
from gnn_search.index.settings import IndexSettings


class Caps(Settings):
    """What an index may cost."""

    p99_ms: float | None = Field(None, gt=0, description="Longest wall time of 99 in 100 single queries, milliseconds.")
    bytes_product: float | None = Field(None, gt=0, description="Most bytes a product in memory, whole vectors included.")


class Trial(StrictModel):
    """One way to make and search an index.

    Attributes:
        settings: Resolved.
        faiss: FAISS's description.
        recall: Share of the exact lists' products found, on the queries that choose.
        p50_ms, p99_ms: Wall time of one query on one thread; the median over repeats.
        cpu_ms: CPU time of one, which another process's load does not lengthen.
        bytes_product: In memory, whole vectors included where they lie there.
        build_cpu_seconds: To make it.
        within: Whether it keeps the caps.
        front: Whether no other trial is at least as good in recall, p50 and bytes and better in one.
    """

    settings: IndexSettings
    faiss: str
    recall: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    bytes_product: float
    build_cpu_seconds: float
    within: bool = False
    front: bool = False

    @property
    def effort(self) -> str:
        """What of the settings decides how far a search looks."""
        told = []
        if self.settings.kind.startswith("ivf"):
            told.append(f"nprobe {self.settings.nprobe:,}")
        if self.settings.kind == "hnsw":
            told.append(f"ef {self.settings.ef_search:,}")
        if self.settings.precision is not None:
            told.append(f"{self.settings.candidates} candidates, {self.settings.precision} {self.settings.full_place}")
        return ", ".join(told)


class Tuning(StrictModel):
    """A whole tuning.

    Attributes:
        k: Length of the lists.
        queries: That chose; as many others measured what was chosen.
        caps: What an index might cost.
        left_out: Indices that were not made, as their codes alone are larger than they may be.
        trials: In the order in which they were made.
        chosen: Place among them.
    """

    k: int
    queries: int
    caps: Caps
    left_out: tuple[str, ...] = ()
    trials: tuple[Trial, ...]
    chosen: int
