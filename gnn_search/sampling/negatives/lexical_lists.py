"""The products with the best BM25 score for each query."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import PADDING, Int32
from gnn_search.graph.lexical.index import LexicalIndex
from gnn_search.graph.store import Graph
from gnn_search.sampling.negatives.known import KnownPositives

_BLOCK = 256


def lexical_lists(graph: Graph, query: Int32, depth: int, known: KnownPositives) -> Int32:
    """Return each query's products by BM25, best first; what the query's own mask would hide from everybody is left out.

    Shapes:
        - query: int32 [n], distinct
        - Returns int32 [queries, depth], empty lists for queries that were not given
    """
    index = LexicalIndex(graph)
    lists = np.full((graph.num_nodes["query"], depth), PADDING, dtype=np.int32)
    places = np.arange(graph.num_nodes["product"], dtype=np.int32)
    nobody = np.array([-1], dtype=np.int32)
    texts = graph.nodes("query")["query"].gather(query)
    for start in range(0, len(query), _BLOCK):
        block = query[start : start + _BLOCK]
        hidden = [known.among(nobody, block[[row]], places if known.rule == "query" else places[:0])[1] for row in range(len(block))]
        # As many more as the mask of any of them may hide.
        found = index.search(texts.slice(start, _BLOCK), depth + max(map(len, hidden)))
        for row, number in enumerate(block.tolist()):
            product = found.of(row)[0]
            best = product[np.isin(product, hidden[row], invert=True)][:depth]
            lists[number, : len(best)] = best
    return lists
