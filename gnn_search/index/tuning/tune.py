"""Try indices, each searched in several ways, and choose.

Making an index is dear and looking further in it is cheap, so each is made once and then searched with growing effort, until it finds all
there is or costs more than it may. That is FAISS's own way of tuning (`ParameterSpace`), over several indices and with our re-ranking.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Float32
from gnn_search.index.approximate import ApproximateIndex
from gnn_search.index.full_vectors import FullVectors, Precision
from gnn_search.index.measure import Seconds, time_single
from gnn_search.index.nearest import nearest, recall_at
from gnn_search.index.settings import IndexSettings
from gnn_search.index.tuning.result import Caps, Trial, Tuning
from gnn_search.index.tuning.space import ladders

_REPEATS, _TIMED = 3, 100
_ALL_FOUND = 0.9999
_NO_GAIN = 2e-4
"""Recall that a step must add, else further ones are left out."""
_MARGIN = 1.5
"""A step so many times as slow as the cap ends a ladder; a smaller excess may be another process's doing."""
_SMALLER: tuple[Precision | Literal["none"], ...] = ("float16", "int8", "none")

Progress = Callable[[str, int, int], None]
"""Told the index that is tried, how many were before it, and of how many."""


def tune(
    vectors: Float32,
    queries: Float32,
    wanted: Sequence[IndexSettings],
    caps: Caps,
    k: int = 100,
    progress: Progress = lambda name, done, total: None,
    scratch: Path | None = None,
) -> Tuning:
    """Try indices of vectors, and choose the one that finds most within the caps, of those the quickest.

    Args:
        vectors: Row i is product i's; may be memory-mapped.
        queries: What recall is measured with, and the first of them latency.
        wanted: The indices, resolved.
        caps: What one may cost.
        k: Length of the lists.
        progress: Told how far it is.
        scratch: Folder for whole vectors on disk while they are tried; by default the system's.

    Shapes:
        vectors: float32 [n, d]; queries: float32 [m, d].

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
        chosen=_choose(trials, caps),
    )


def mark_front(trials: Sequence[Trial]) -> list[Trial]:
    """Mark the trials that no other one betters.

    Shapes:
        Returns as many trials, in the same order.
    """
    cost = np.array([(-one.recall, one.p50_ms, one.bytes_product) for one in trials]).reshape(-1, 3)
    bettered = [bool(((cost <= own).all(axis=1) & (cost < own).any(axis=1)).any()) for own in cost]
    return [one.model_copy(update={"front": not worse}) for one, worse in zip(trials, bettered, strict=True)]


def _small_enough(wanted: Sequence[IndexSettings], caps: Caps, dimension: int) -> list[IndexSettings]:
    """Return the indices whose codes fit; where none do, the smallest, which says by how much the cap is too low."""
    size = [one.code_bytes(dimension) for one in wanted]
    most = max(min(size), np.inf if caps.bytes_product is None else caps.bytes_product)
    return [one for one, bytes_each in zip(wanted, size, strict=True) if bytes_each <= most]


class _Bench:
    """Makes indices and measures ways to search them."""

    def __init__(self, vectors: Float32, queries: Float32, k: int, caps: Caps, scratch: Path | None) -> None:
        self._vectors, self._queries, self._k, self._caps, self._scratch = vectors, queries, k, caps, scratch
        self._exact = nearest(vectors, queries, k)[0]

    def try_out(self, settings: IndexSettings) -> Iterator[Trial]:
        """Make an index and search it with growing effort; then keep whole vectors smaller in the best quick way of each ladder.

        Whole vectors lie on disk in further ways where there is no room for them in memory. These are timed as they are once the system
        has read the file.
        """
        start = Seconds.now()
        index = ApproximateIndex.build(self._vectors, settings)
        spent, size = start.since().cpu, index.bytes_in_memory / len(self._vectors)
        worth: list[IndexSettings] = []
        for ladder in ladders(index.settings):
            best, last = 0.0, None
            for way in ladder:
                trial = self._measure(index.with_settings(way, index.full), size, spent)
                yield trial
                if trial.recall > best + _NO_GAIN and self._is_quick(trial):
                    last = way
                if self._is_enough(trial, best):
                    break
                best = max(best, trial.recall)
            worth += [] if last is None else [last]
        kept = index.settings.precision
        if index.full is not None and kept is not None:
            for precision in (one for one in _SMALLER if one != kept):
                full = None if precision == "none" else FullVectors.encode(self._vectors, precision)
                for way in worth:
                    smaller = way.model_copy(update={"full": precision})
                    yield self._measure(index.with_settings(smaller, full), size, spent)
            most = self._caps.bytes_product
            if worth and most is not None and size + index.full.bytes_each > most:
                with tempfile.TemporaryDirectory(prefix=".index-", dir=self._scratch) as scratch:
                    full = FullVectors.encode(self._vectors, kept, Path(scratch) / "full.npy")
                    for way in worth:
                        yield self._measure(index.with_settings(way.model_copy(update={"full_in": "disk"}), full), size, spent)

    def _is_quick(self, trial: Trial) -> bool:
        return self._caps.p99_ms is None or trial.p99_ms <= self._caps.p99_ms

    def _is_enough(self, trial: Trial, best: float) -> bool:
        too_slow = self._caps.p99_ms is not None and trial.p50_ms > _MARGIN * self._caps.p99_ms
        return trial.recall >= _ALL_FOUND or too_slow or (best > 0 and trial.recall <= best + _NO_GAIN)

    def _measure(self, index: ApproximateIndex, bytes_index: float, build: float) -> Trial:
        row = index.search(self._queries, self._k)[1]
        p50, p99, cpu = _time(index, self._queries, self._k)
        in_memory = index.full is not None and index.settings.full_in == "memory"
        size = bytes_index + (index.full.bytes_each if index.full is not None and in_memory else 0)
        caps = self._caps
        return Trial(
            settings=index.settings,
            faiss=index.settings.description(),
            recall=recall_at(self._vectors, self._queries, row, self._exact, self._k),
            p50_ms=p50,
            p99_ms=p99,
            cpu_ms=cpu,
            bytes_product=size,
            build_cpu_seconds=build,
            within=(caps.p99_ms is None or p99 <= caps.p99_ms) and (caps.bytes_product is None or size <= caps.bytes_product),
        )


def _time(index: ApproximateIndex, queries: Float32, k: int) -> tuple[float, float, float]:
    """Time single queries several times over; return p50 and p99 in wall and the mean in CPU milliseconds, each the median."""
    told = []
    for _ in range(_REPEATS):
        taken, cpu = time_single(index, queries[:_TIMED], k)
        told.append((*np.quantile(taken, [0.5, 0.99]), cpu / len(taken)))
    p50, p99, each = 1000 * np.median(told, axis=0)
    return float(p50), float(p99), float(each)


def _choose(trials: Sequence[Trial], caps: Caps) -> int:
    kept = [place for place, one in enumerate(trials) if one.within]
    if kept:
        return max(kept, key=lambda place: (round(trials[place].recall, 4), -trials[place].cpu_ms))
    wanted = [f"p99 of at most {caps.p99_ms:g} ms"] if caps.p99_ms is not None else []
    wanted += [f"at most {caps.bytes_product:g} bytes a product"] if caps.bytes_product is not None else []
    near = min(trials, key=lambda one: _excess(one, caps))
    raise RequestError(
        f"none of {len(trials)} ways keeps {' and '.join(wanted)}; the nearest, {near.faiss} with {near.effort or 'all products read'}, "
        f"has {near.p99_ms:.2f} ms and {near.bytes_product:,.0f} bytes; allow more"
    )


def _excess(trial: Trial, caps: Caps) -> float:
    """Return by how many times a trial breaks the caps."""
    latency = 1.0 if caps.p99_ms is None else max(1.0, trial.p99_ms / caps.p99_ms)
    return latency * (1.0 if caps.bytes_product is None else max(1.0, trial.bytes_product / caps.bytes_product))
