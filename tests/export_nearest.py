"""The products that other programs should find."""

from __future__ import annotations

import numpy as np


def nearest(awkward, k: int) -> tuple[np.ndarray, list[list[str]]]:
    """Return the vectors of the shop's queries, and the ids of the k products nearest to each, best first; one of length 0 is not."""
    products, queries = awkward.shop.vectors["product"], awkward.shop.vectors["query"]
    ids = awkward.model.graph.nodes("product").to_series(0).to_list()
    scores = np.where(np.any(products, axis=1), queries.astype(np.float64) @ products.astype(np.float64).T, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return queries, [[ids[row] for row in rows] for rows in order]
