"""The products with the best BM25 score for each query."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import PADDING, Int32
from gnn_search.graph.lexical import LexicalIndex, split_words
from gnn_search.graph.store import Graph
from gnn_search.sampling.negatives.known import KnownPositives


def lexical_lists(graph: Graph, query: Int32, depth: int, known: KnownPositives) -> Int32:
    """Return each query's products by BM25, best first; what the query's own mask would hide from everybody is left out.

    Shapes:
        - query: int32 [n], distinct
        - Returns int32 [queries, depth], empty lists for queries that were not given
    """
    index = LexicalIndex(graph)
    lists = np.full((graph.num_nodes["query"], depth), PADDING, dtype=np.int32)
    places = np.arange(graph.num_nodes["product"], dtype=np.int32)
    for number, words in zip(query.tolist(), split_words(graph.nodes("query")["query"].gather(query)), strict=True):
        one = np.array([number], dtype=np.int32)
        hidden = known.among(np.array([-1], dtype=np.int32), one, places)[1] if known.rule == "query" else None
        best, _ = index.best(words, depth, hidden)
        lists[number, : len(best)] = best
    return lists
