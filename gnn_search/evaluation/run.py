"""Runs: the lists of one method for all cases, reduced to what metrics need."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import PADDING, Float64, Int32, Int64
from gnn_search.errors import RequestError
from gnn_search.evaluation.metrics.beyond_relevance import Diversity, Novelty, RepeatShare
from gnn_search.evaluation.metrics.hits import Hits, find_places
from gnn_search.evaluation.metrics.measure import DIVERSITY, NOVELTY, REPEATS
from gnn_search.evaluation.result import Cost
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph
from gnn_search.progress import Progress
from gnn_search.retrieval.ranking import CaseRanker

BLOCK_CASES = 4096
"""Cases that are ranked at once."""


@dataclass(frozen=True, eq=False)
class Run:
    """What metrics need of one method's lists.

    Shapes:
        - list_values: float64 [cases] each, NaN where a list has none
    """

    hits: Hits
    list_values: Mapping[str, Float64]


@dataclass(frozen=True, eq=False)
class RankedRun:
    """A run, with what a run folder keeps of the lists.

    Shapes:
        - place: int32 [relevant rows], from 1, 0 where the list does not hold the row
        - first: int32 [cases, shown], the first places of the lists, -1 is padding
    """

    run: Run
    place: Int32
    first: Int32
    covered: int
    cost: Cost


class RunBuilder:
    """Ranks all cases by one method after another.

    Args:
        longest: Length of the lists.
        shown: Places that a user sees first; metrics of the lists alone are of these.
    """

    def __init__(
        self,
        cases: Cases,
        graph: Graph,
        longest: int,
        shown: int,
        progress: Progress | None = None,
        block_cases: int = BLOCK_CASES,
    ) -> None:
        self._cases, self._longest, self._progress, self._block_cases = cases, longest, progress, block_cases
        self._num_products = graph.num_nodes["product"]
        self._shown = min(shown, self._num_products)
        self._case_of_row = cases.case_of_row()
        view = graph.before(cases.time)
        self._diversity, self._novelty, self._repeats = Diversity(graph.taxonomy), Novelty(view), RepeatShare(view)

    def build_run(self, ranker: CaseRanker) -> RankedRun:
        """Rank all cases, block by block: memory holds one block of whole lists, and of the others a few numbers each."""
        count = len(self._cases)
        place = np.zeros(len(self._cases.product), dtype=np.int32)
        first = np.full((count, self._shown), PADDING, dtype=np.int32)
        list_values = {name: np.empty(count, dtype=np.float64) for name in (DIVERSITY, NOVELTY, REPEATS)}
        covered = np.zeros(self._num_products, dtype=np.bool_)
        wall = cpu = 0.0
        done = 0
        blocks = rank_blocks(self._cases, ranker, self._longest, self._num_products, self._block_cases)
        while True:
            before = time.perf_counter(), time.process_time()
            block = next(blocks, None)
            wall += time.perf_counter() - before[0]
            cpu += time.process_time() - before[1]
            if block is None:
                break
            case, product = block
            row, found = find_places(product, case, self._cases)
            place[row] = found
            shown = product[:, : self._shown]
            first[case] = shown
            list_values[DIVERSITY][case] = self._diversity.measure(shown)
            list_values[NOVELTY][case] = self._novelty.measure(shown)
            list_values[REPEATS][case] = self._repeats.measure(shown, self._cases.user[case])
            covered[shown[shown >= 0]] = True
            done += len(case)
            if self._progress is not None:
                self._progress(ranker.name, done, count)
        run = Run(Hits.from_places(place, self._case_of_row, count), list_values)
        return RankedRun(run, place, first, int(covered.sum()), Cost(method=ranker.name, wall_seconds=wall, cpu_seconds=cpu))


def rank_blocks(
    cases: Cases, ranker: CaseRanker, k: int, num_products: int, block_cases: int = BLOCK_CASES
) -> Iterator[tuple[Int64, Int32]]:
    """Rank the cases block by block, those with one query together, and check what the ranker returns.

    Lists are no longer than the catalogue.

    Yields:
        Case numbers int64 [block] and their lists int32 [block, k].

    Raises:
        RequestError: The ranker returned lists of another shape, unknown products, or a product twice in one list.
    """
    order = np.lexsort((cases.user, cases.query))
    width = min(k, num_products)
    for start in range(0, len(order), block_cases):
        block = order[start : start + block_cases]
        product = ranker.rank(cases.user[block], cases.query[block], width).product
        _check_lists(product, (len(block), width), num_products, ranker.name)
        yield block, product


def _check_lists(product: Int32, shape: tuple[int, int], num_products: int, name: str) -> None:
    if product.shape != shape:
        raise RequestError(f"ranker '{name}': expected lists of shape {shape}, got {product.shape}; a short list ends in -1")
    if product.min() < -1 or product.max() >= num_products:
        wrong = product[(product < -1) | (product >= num_products)][0]
        raise RequestError(f"ranker '{name}': expected product numbers from 0 to {num_products - 1} or -1, got {wrong}")
    ordered = np.sort(product, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if twice.any():
        row, column = np.argwhere(twice)[0]
        raise RequestError(f"ranker '{name}': expected distinct products in a list, got product {ordered[row, column]} twice in list {row}")
