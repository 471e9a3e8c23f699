"""How long searches take, and what each method's lists cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gnn_search.arrays import Float32, Float64, spread_evenly
from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.evaluation.result import Evaluation
from gnn_search.graph.cases import Cases
from gnn_search.index.flat import FlatIndex
from gnn_search.index.measure import CUT_OFFS, time_single
from gnn_search.index.store import read_index_manifest
from gnn_search.machine import describe_machine
from gnn_search.retrieval.ranking import CaseRanker
from gnn_search.trained.model import Model

_QUERIES = 200
_WARM_UP = 10


class MethodCost(StrictModel):
    """Milliseconds a list costs, ranked in large batches, and its recall."""

    method: str
    wall_ms: float
    cpu_ms: float
    recall: float


class IndexSpeed(StrictModel):
    """Latency of an index in milliseconds, one query at a time on one thread; `recall` is against exact search; bytes are in memory."""

    kind: str
    products: int
    k: int
    queries: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    recall: float
    bytes_product: float


class SingleSearch(StrictModel):
    """Latency of the model from query and user to a list, in milliseconds, one search at a time."""

    searches: int
    k: int
    median_ms: float
    p95_ms: float
    p99_ms: float


class SearchSpeed(StrictModel):
    """Recall beside what it costs.

    Attributes:
        single: The whole model, as measured when the page was made.
        indices: The search among the vectors alone: the exact index, likewise, then saved ones, as their folders record.
    """

    k: int
    methods: tuple[MethodCost, ...]
    single: SingleSearch
    indices: tuple[IndexSpeed, ...]
    threads: int
    processor: str


def measure_speed(
    evaluation: Evaluation,
    channel: CaseRanker,
    cases: Cases,
    products: Float32,
    queries: Float32,
    saved: Sequence[IndexSpeed] = (),
) -> SearchSpeed:
    """Return costs beside recall, and time the model on cases and the exact index on queries, both spread evenly.

    Shapes:
        - products: float32 [products, d]
        - queries: float32 [queries, d]
    """
    k, threads = min(evaluation.k), torch.get_num_threads()
    return SearchSpeed(
        k=k,
        methods=costs_of(evaluation),
        single=_time_searches(channel, cases, k),
        indices=(_time_flat(products, queries), *saved),
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


def _time_searches(channel: CaseRanker, cases: Cases, k: int) -> SingleSearch:
    timed = spread_evenly(len(cases), _QUERIES)
    user, query = cases.user[timed], cases.query[timed]
    seconds = []
    warm_up = min(_WARM_UP, len(timed))
    for place in (*range(warm_up), *range(len(timed))):
        start = time.perf_counter()
        channel.rank(user[place : place + 1], query[place : place + 1], k)
        seconds.append(time.perf_counter() - start)
    seconds = seconds[warm_up:]
    return SingleSearch(searches=len(timed), k=k, **_latency(seconds))


def _latency(seconds: Sequence[float] | Float64) -> dict[str, float]:
    return {name: 1000 * float(np.quantile(seconds, q)) for name, q in (("median_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99))}


def read_indices(folders: Sequence[Path], model: Model) -> list[IndexSpeed]:
    """Read what was measured when saved indices were made.

    Raises:
        ArtefactError: A folder is no index, is of another model, or was changed after it was measured.
    """
    found = []
    for folder in folders:
        manifest = read_index_manifest(folder)
        if manifest.model_hash != model.manifest.hash:
            raise ArtefactError(f"the index {folder} is of another model than {model.path}; make one of this model, or leave it out")
        measured = manifest.measured
        if measured is None:
            raise ArtefactError(f"products were added to or removed from the index {folder} since it was measured; make it again")
        whole = manifest.settings.precision
        found.append(
            IndexSpeed(
                kind=manifest.settings.description() + ("" if whole is None else f", re-ranked by {whole}"),
                products=manifest.count,
                k=measured.k,
                queries=measured.timed,
                median_ms=measured.p50_ms,
                p95_ms=measured.p95_ms,
                p99_ms=measured.p99_ms,
                recall=measured.recall[measured.k],
                bytes_product=measured.bytes_index + (measured.bytes_full if measured.full_in == "memory" else 0),
            )
        )
    return found


def _time_flat(products: Float32, queries: Float32) -> IndexSpeed:
    index, k = FlatIndex.build(products), min(max(CUT_OFFS), len(products))
    timed = queries[spread_evenly(len(queries), _QUERIES)]
    seconds, _ = time_single(index, timed, k)
    timed = timed[: len(seconds)]
    found = index.search(timed, k)[1]
    # The rows with the largest inner products, the lower of equal ones, as `FlatIndex` promises.
    score = (timed.astype(np.float64) @ products.astype(np.float64).T).astype(np.float32)
    nearest = np.argsort(-score, axis=1, kind="stable")[:, :k]
    shared = sum(len(np.intersect1d(*pair)) for pair in zip(found, nearest, strict=True))
    return IndexSpeed(
        kind="flat (exact)",
        products=len(products),
        k=k,
        queries=len(timed),
        recall=shared / (k * len(timed)),
        bytes_product=float(products.nbytes) / len(products),
        **_latency(seconds),
    )
