"""The products that were judged for each query and are not relevant to it."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnn_search.arrays import PADDING, Int32
from gnn_search.errors import ConfigError
from gnn_search.graph.judgements import JUDGEMENTS
from gnn_search.graph.store import Graph


def low_grade_lists(graph: Graph) -> Int32:
    """Return each training query's judged products that are not relevant, the highest grade first.

    Raises:
        ConfigError: The graph has no judgements, or none of the training split that is not relevant.

    Shapes:
        - returns: int32 [queries, most of one query], empty for other queries
    """
    if JUDGEMENTS not in graph.manifest.num_examples:
        raise ConfigError(f"negatives of the kind low_grade need judgements, and the graph {graph.path} has none; leave them out")
    rows = graph.examples(JUDGEMENTS).filter((pl.col("split") == "train") & ~pl.col("relevant"))
    rows = rows.sort("query", "grade", "product", descending=[False, True, False])
    if rows.is_empty():
        raise ConfigError(f"every training judgement of the graph {graph.path} is relevant; leave out the negatives of the kind low_grade")
    query = rows["query"].to_numpy()
    place = np.arange(len(query)) - np.searchsorted(query, query)
    lists = np.full((graph.num_nodes["query"], int(place.max()) + 1), PADDING, dtype=np.int32)
    lists[query, place] = rows["product"].to_numpy()
    return lists
