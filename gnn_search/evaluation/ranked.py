"""Ask a ranker for the lists of all cases, in blocks, and check what it returns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gnn_search.errors import RequestError
from gnn_search.graph.cases import Cases
from gnn_search.retrieval.ranking import CaseRanker

BLOCK_CASES = 4096


def ranked_blocks(cases: Cases, ranker: CaseRanker, k: int, num_products: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32]]]:
    """Rank the cases block by block.

    Args:
        cases: The cases. Those with one query come together, so that a ranker can do the work of a query once.
        ranker: The method.
        k: Length of the lists; cut to the size of the catalogue.
        num_products: Size of the catalogue.

    Yields:
        Case numbers int64[block] and their lists int32[block, k].

    Raises:
        RequestError: The ranker returned lists of another shape, unknown products, or a product twice in one list.
    """
    order = np.lexsort((cases.user, cases.query))
    width = min(k, num_products)
    for start in range(0, len(order), BLOCK_CASES):
        block = order[start : start + BLOCK_CASES]
        product = ranker.rank(cases.user[block], cases.query[block], width).product
        _check(product, (len(block), width), num_products, ranker.name)
        yield block, product


def _check(product: NDArray[np.int32], shape: tuple[int, int], num_products: int, name: str) -> None:
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
