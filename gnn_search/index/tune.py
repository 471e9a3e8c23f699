"""Find the kind and the settings of an index that serve best under a cap on latency and memory.

Making an index is dear and searching it is cheap, so each is made once and then searched with growing effort, until it finds all
there is or costs more than it may. That is FAISS's own way of tuning (`ParameterSpace`), over several indices and with our re-ranking.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from gnn_search.arrays import Float32
from gnn_search.config.base import Settings, StrictModel
from gnn_search.errors import RequestError
from gnn_search.index.approximate import ApproximateIndex
from gnn_search.index.full_vectors import FullVectors, Precision
from gnn_search.index.measure import Seconds, nearest, recall_at, time_single
from gnn_search.index.settings import FEWEST_ROWS, QUANTISED, IndexKind, IndexSettings
from gnn_search.progress import Progress

_REPEATS, _TIMED = 3, 100
_ALL_FOUND = 0.9999
_NO_GAIN = 2e-4
"""Recall that a step must add, else further ones are left out."""
_MARGIN = 1.5
"""A step so many times as slow as the cap ends a ladder; a smaller excess may be another process's doing."""
_SMALLER: tuple[Precision | Literal["none"], ...] = ("float16", "int8", "none")


_CANDIDATES = (4, 12, 40)
_EF = (32, 64, 128, 256, 512, 1024)
_PARTS = (4, 2, 1)
"""Numbers of a vector that share a 4-bit code."""
_FAR = 2
"""Largest share of the lists that is read: one in so many."""
_STEPS = 6


class Caps(Settings):
    """What an index may cost."""

    p99_ms: float | None = Field(None, gt=0, description="Longest wall time of 99 in 100 single queries, milliseconds.")
    bytes_product: float | None = Field(None, gt=0, description="Most bytes a product in memory, whole vectors included.")


class Trial(StrictModel):
    """Settings of an index that were tried, and what they find and cost.

    Attributes:
        settings: Resolved.
        faiss: FAISS's description.
        recall: Share of the exact lists' products found.
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
        """The settings that decide how much a search reads, in words."""
        words = []
        if self.settings.kind.startswith("ivf"):
            words.append(f"nprobe {self.settings.nprobe:,}")
        if self.settings.kind == "hnsw":
            words.append(f"ef {self.settings.ef_search:,}")
        if self.settings.precision is not None:
            words.append(f"{self.settings.candidates} candidates, {self.settings.precision} {self.settings.full_place}")
        return ", ".join(words)


class Tuning(StrictModel):
    """A whole tuning.

    Attributes:
        k: Length of the lists.
        queries: Queries of every trial; others measure the selected one.
        caps: What an index might cost.
        left_out: Indices that were not made, as their codes alone are larger than they may be.
        trials: In the order in which they were made.
        selected: Place of the best among them.
    """

    k: int
    queries: int
    caps: Caps
    left_out: tuple[str, ...] = ()
    trials: tuple[Trial, ...]
    selected: int


def tune(
    vectors: Float32,
    queries: Float32,
    wanted: Sequence[IndexSettings],
    caps: Caps,
    k: int = 100,
    progress: Progress = lambda name, done, total: None,
    scratch: Path | None = None,
) -> Tuning:
    """Try indices of vectors, and select the one with the highest recall within the caps; ties go to the fastest.

    The indices wanted are resolved. Whole vectors that are tried on disk lie in `scratch`, by default the system's folder for that.

    Shapes:
        - vectors: float32 [n, d], may be memory-mapped
        - queries: float32 [m, d], what recall is measured with, and the first of them latency

    Raises:
        RequestError: There is no query, or no trial keeps the caps; the message says what comes nearest.
    """
    if not len(queries):
        raise RequestError("there is no query to tune an index with; give at least one")
    k = min(k, len(vectors))
    bench = _Bench(vectors, queries, k, caps, scratch)
    small = _small_enough(wanted, caps, vectors.shape[1])
    trials: list[Trial] = []
    for place, settings in enumerate(small):
        progress(settings.description(), place, len(small))
        trials += bench.try_out(settings)
    trials = mark_front(trials)
    return Tuning(
        k=k,
        queries=len(queries),
        caps=caps,
        left_out=tuple(one.description() for one in wanted if one not in small),
        trials=tuple(trials),
        selected=_select(trials, caps),
    )


def mark_front(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials, in the same order, with those marked that no other one betters."""
    cost = np.array([(-one.recall, one.p50_ms, one.bytes_product) for one in trials]).reshape(-1, 3)
    bettered = [bool(((cost <= own).all(axis=1) & (cost < own).any(axis=1)).any()) for own in cost]
    return [one.model_copy(update={"front": not worse}) for one, worse in zip(trials, bettered, strict=True)]


def _small_enough(wanted: Sequence[IndexSettings], caps: Caps, dimension: int) -> list[IndexSettings]:
    """Return the indices whose codes fit; where none do, the smallest, which says by how much the cap is too low."""
    size = [one.code_bytes(dimension) for one in wanted]
    most = max(min(size), caps.bytes_product or np.inf)
    return [one for one, bytes_each in zip(wanted, size, strict=True) if bytes_each <= most]


class _Bench:
    """Makes indices and measures them with different search settings."""

    def __init__(self, vectors: Float32, queries: Float32, k: int, caps: Caps, scratch: Path | None) -> None:
        self._vectors, self._queries, self._k, self._scratch = vectors, queries, k, scratch
        self._most_ms, self._most_bytes = caps.p99_ms or np.inf, caps.bytes_product or np.inf
        self._exact = nearest(vectors, queries, k)[0]

    def try_out(self, settings: IndexSettings) -> Iterator[Trial]:
        """Make an index and search it with growing effort; then store whole vectors in fewer bytes for the best fast trial of each ladder.

        Where memory has no room for whole vectors, they are tried on disk too, and timed once the system has cached the file.
        """
        start = Seconds.read()
        index = ApproximateIndex.build(self._vectors, settings)
        spent, size = start.since().cpu, index.bytes_in_memory / len(self._vectors)
        worth: list[IndexSettings] = []
        for ladder in ladders(index.settings):
            best, last = 0.0, None
            for one in ladder:
                trial = self._measure(index.with_settings(one, index.full), size, spent)
                yield trial
                if trial.recall > best + _NO_GAIN and trial.p99_ms <= self._most_ms:
                    last = one
                if self._is_enough(trial, best):
                    break
                best = max(best, trial.recall)
            worth += [] if last is None else [last]
        kept = index.settings.precision
        if index.full is not None and kept is not None:
            for precision in (other for other in _SMALLER if other != kept):
                full = None if precision == "none" else FullVectors.encode(self._vectors, precision)
                for one in worth:
                    smaller = one.model_copy(update={"full": precision})
                    yield self._measure(index.with_settings(smaller, full), size, spent)
            if worth and size + index.full.bytes_each > self._most_bytes:
                with tempfile.TemporaryDirectory(prefix=".index-", dir=self._scratch) as scratch:
                    full = FullVectors.encode(self._vectors, kept, Path(scratch) / "full.npy")
                    for one in worth:
                        yield self._measure(index.with_settings(one.model_copy(update={"full_in": "disk"}), full), size, spent)

    def _is_enough(self, trial: Trial, best: float) -> bool:
        too_slow = trial.p50_ms > _MARGIN * self._most_ms
        return trial.recall >= _ALL_FOUND or too_slow or (best > 0 and trial.recall <= best + _NO_GAIN)

    def _measure(self, index: ApproximateIndex, bytes_index: float, build: float) -> Trial:
        row = index.search(self._queries, self._k)[1]
        p50, p99, cpu = _time(index, self._queries, self._k)
        size = bytes_index + (index.full.bytes_each if index.full is not None and index.settings.full_in == "memory" else 0)
        return Trial(
            settings=index.settings,
            faiss=index.settings.description(),
            recall=recall_at(self._vectors, self._queries, row, self._exact, self._k),
            p50_ms=p50,
            p99_ms=p99,
            cpu_ms=cpu,
            bytes_product=size,
            build_cpu_seconds=build,
            within=p99 <= self._most_ms and size <= self._most_bytes,
        )


def _time(index: ApproximateIndex, queries: Float32, k: int) -> tuple[float, float, float]:
    """Time single queries several times over; return p50 and p99 in wall and the mean in CPU milliseconds, each the median."""
    repeats = []
    for _ in range(_REPEATS):
        taken, cpu = time_single(index, queries[:_TIMED], k)
        repeats.append((*np.quantile(taken, [0.5, 0.99]), cpu / len(taken)))
    p50, p99, each = 1000 * np.median(repeats, axis=0)
    return float(p50), float(p99), float(each)


def _select(trials: Sequence[Trial], caps: Caps) -> int:
    kept = [place for place, one in enumerate(trials) if one.within]
    if kept:
        return max(kept, key=lambda place: (round(trials[place].recall, 4), -trials[place].cpu_ms))
    wanted = [f"p99 of at most {caps.p99_ms:g} ms"] if caps.p99_ms is not None else []
    wanted += [f"at most {caps.bytes_product:g} bytes a product"] if caps.bytes_product is not None else []
    most_ms, most_bytes = caps.p99_ms or np.inf, caps.bytes_product or np.inf
    # The least product of the factors by which a trial breaks the caps.
    near = min(trials, key=lambda one: max(1.0, one.p99_ms / most_ms) * max(1.0, one.bytes_product / most_bytes))
    raise RequestError(
        f"none of {len(trials)} trials keeps {' and '.join(wanted)}; the nearest, {near.faiss} with {near.effort or 'all products read'}, "
        f"has {near.p99_ms:.2f} ms and {near.bytes_product:,.0f} bytes; allow more"
    )


def builds(count: int, dimension: int, kinds: Sequence[IndexKind], seed: int, before: IndexSettings | None = None) -> list[IndexSettings]:
    """Return the indices to build, resolved, first the one that won `before`, its lists following the number of products of today."""
    wanted = [] if before is None else [_of_today(before, count, dimension, seed)]
    for kind in kinds:
        plain = IndexSettings(kind=kind, seed=seed)
        if kind not in QUANTISED:
            wanted.append(plain.resolve(count, dimension))
        elif count >= FEWEST_ROWS or len(kinds) == 1:
            parts = [dimension // share for share in _PARTS if dimension % share == 0]
            wanted += [plain.model_copy(update={"pq_m": part}).resolve(count, dimension) for part in parts]
    return list({(one.description(), one.full, one.full_in, one.ef_construction): one for one in reversed(wanted)}.values())[::-1]


def ladders(built: IndexSettings) -> Iterator[list[IndexSettings]]:
    """Yield search settings of an index: first its own, then lists in which each step reads more than the one before."""
    yield [built]
    if built.kind == "hnsw":
        yield [built.model_copy(update={"ef_search": effort}) for effort in _EF]
    elif built.kind.startswith("ivf"):
        # Each twice the one before, up to a share of all.
        counts = sorted({max(1, (built.nlist or 1) // _FAR >> step) for step in range(_STEPS)})
        for candidates in _CANDIDATES if built.precision is not None else (built.candidates,):
            yield [built.model_copy(update={"nprobe": lists, "candidates": candidates}) for lists in counts]


def _of_today(before: IndexSettings, count: int, dimension: int, seed: int) -> IndexSettings:
    """Return settings of an earlier index for the products of today: as many lists as these want, of which the same share is searched."""
    fits = before.pq_m is not None and dimension % before.pq_m == 0
    bare = before.model_copy(update={"nlist": None, "nprobe": None, "pq_m": before.pq_m if fits else None, "seed": seed})
    today = bare.resolve(count, dimension)
    if before.nlist is None or before.nprobe is None or today.nlist is None:
        return today
    return today.model_copy(update={"nprobe": max(1, round(before.nprobe / before.nlist * today.nlist))})
