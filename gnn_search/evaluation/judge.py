"""Ask a method for all lists, and keep what is worth knowing of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.metrics.coverage import Coverage
from gnn_search.evaluation.metrics.diversity import Diversity
from gnn_search.evaluation.metrics.hits import Hits, find_places
from gnn_search.evaluation.metrics.measure import DIVERSITY, NOVELTY, REPEATS
from gnn_search.evaluation.metrics.novelty import Novelty
from gnn_search.evaluation.metrics.repeats import Repeats
from gnn_search.evaluation.metrics.score import Listed
from gnn_search.evaluation.ranked import ranked_blocks
from gnn_search.evaluation.result import Cost
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph
from gnn_search.retrieval.ranking import PADDING, CaseRanker

Progress = Callable[[str, int, int], None]
"""Called with a method's name, the cases it has ranked and the number of all cases."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What a method's lists came to.

    Shapes:
        place: int32[relevant rows], from 1, 0 where the list does not hold the row; first: int32[cases, shown], the first places of the
        lists, -1 is padding.
    """

    listed: Listed
    place: NDArray[np.int32]
    first: NDArray[np.int32]
    covered: int
    cost: Cost


class Judge:
    """Holds what all methods are judged by.

    Args:
        cases: What was asked and chosen.
        graph: The shop.
        longest: Length of the lists.
        shown: Places of them that a shopper sees first.
        progress: Called as the work goes on.
    """

    def __init__(self, cases: Cases, graph: Graph, longest: int, shown: int, progress: Progress | None = None) -> None:
        self._cases, self._longest, self._progress = cases, longest, progress
        self._num_products = graph.num_nodes["product"]
        self._shown = min(shown, self._num_products)
        self._case_of_row = cases.case_of_row()
        view = graph.before(cases.time)
        self._diversity, self._novelty, self._repeats = Diversity(graph.taxonomy), Novelty(view), Repeats(view)

    def judge(self, ranker: CaseRanker) -> Judged:
        """Rank all cases, block by block: memory holds one block of whole lists, and of the others a few numbers each."""
        count = len(self._cases)
        place = np.zeros(len(self._cases.product), dtype=np.int32)
        first = np.full((count, self._shown), PADDING, dtype=np.int32)
        properties = {name: np.empty(count, dtype=np.float64) for name in (DIVERSITY, NOVELTY, REPEATS)}
        coverage = Coverage(self._num_products)
        wall = cpu = 0.0
        done = 0
        blocks = ranked_blocks(self._cases, ranker, self._longest, self._num_products)
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
            properties[DIVERSITY][case] = self._diversity.measure(shown)
            properties[NOVELTY][case] = self._novelty.measure(shown)
            properties[REPEATS][case] = self._repeats.measure(shown, self._cases.user[case])
            coverage.add(shown)
            done += len(case)
            if self._progress is not None:
                self._progress(ranker.name, done, count)
        listed = Listed(Hits.of(place, self._case_of_row, count), properties)
        return Judged(listed, place, first, coverage.products, Cost(method=ranker.name, wall_seconds=wall, cpu_seconds=cpu))
