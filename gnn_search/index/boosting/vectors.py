"""Vectors with a product's quality inside, for any index that ranks by inner product.

A product becomes [p; f(p)] and a query [q; w], so their inner product is q·p + w·f(p). Method: quality boosting of "Unified Embedding Based
Personalized Retrieval in Etsy Search" (arXiv 2306.04833, section 5).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn_search.index.boosting.boost import Boost

Float32 = npt.NDArray[np.float32]


def boosted_products(vectors: Float32, boost: Boost) -> Float32:
    """Return [p; f(p) / s].

    s makes the qualities about as large as the vector's own numbers, so that an index that rounds them treats all alike; it is a power of
    two, so that nothing is lost. Weights are not in it: new ones need no new index.

    Shapes:
        vectors: float32 [products, d]. Returns float32 [products, d + e].
    """
    return np.concatenate([vectors, boost.quality / _scale(vectors.shape[1])], axis=1)


def boosted_queries(vectors: Float32, boost: Boost, action: str | None = None) -> Float32:
    """Return [q; s w].

    Args:
        vectors: Of the requests.
        boost: What products are boosted by.
        action: The kind of choice whose weights are wanted; may be left out where the shop logs one kind.

    Shapes:
        vectors: float32 [requests, d]. Returns float32 [requests, d + e].

    Raises:
        RequestError: There are no weights for the action, or it is left out where there are several kinds.
    """
    weights = boost.weights_of(action) * _scale(vectors.shape[1])
    return np.concatenate([vectors, np.broadcast_to(weights, (len(vectors), len(weights)))], axis=1)


def _scale(dimension: int) -> np.float32:
    return np.float32(2.0 ** int(np.log2(dimension) / 2))
