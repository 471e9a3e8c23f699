"""What each case is worth by one metric, from the places of its chosen products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.metrics.hits import Float64, Hits
from gnn_search.evaluation.metrics.ndcg import ndcg
from gnn_search.evaluation.metrics.recall import recall
from gnn_search.graph.cases import Cases

Metric = Literal["recall", "ndcg"]
METRICS: dict[Metric, Callable[[Hits, int], Float64]] = {"recall": recall, "ndcg": ndcg}


def case_values(cases: Cases, places: NDArray[np.int32], rows: NDArray[np.bool_], metric: Metric, k: int) -> Float64:
    """Return the metric of each case when only some of the relevant rows count.

    Shapes:
        places: int32 [rows], from 1, 0 where the list does not hold it; rows: bool [rows]. Returns float64 [cases], NaN for a case without
        a row that counts.
    """
    case_of_row = cases.case_of_row()
    relevant = np.bincount(case_of_row[rows], minlength=len(cases))
    hits = Hits.of(places, case_of_row, len(cases)).select(rows, relevant)
    return np.where(relevant > 0, METRICS[metric](hits, k), np.nan)
