"""The cases that the models of a study are measured on."""

from __future__ import annotations

import numpy as np

from gnn_search.errors import RequestError
from gnn_search.graph.cases import Cases, build_cases, sample_rows, take_cases
from gnn_search.graph.store import Graph
from gnn_search.studies.plan import Measuring


def study_cases(graph: Graph, measuring: Measuring, seed: int) -> Cases:
    """Return the cases of a seed.

    The walk term is fitted on validation cases, so on these it would look better than it is: they are left out for all models of the
    seed. (Early stopping goes by validation cases too, but only chooses among some ten sets of weights.)

    Raises:
        RequestError: No case is left.
    """
    cases = build_cases(graph, measuring.split)
    if measuring.fitted:
        fitted = sample_rows(len(cases), measuring.fitted, seed)
        left = np.setdiff1d(np.arange(len(cases), dtype=np.int64), fitted, assume_unique=True)
        if not len(left):
            raise RequestError(
                f"the walk term is fitted on all {len(cases):,} validation cases of {graph.path}, so none is left to measure on; set "
                "override: {reranker: {cases: …}} to fewer, or split: test"
            )
        cases = take_cases(cases, left)
    return take_cases(cases, sample_rows(len(cases), measuring.limit or len(cases), seed))
