"""Query vectors that played no part in making an index: those of the validation period, plain and personal."""

from __future__ import annotations

import numpy as np
import torch

from gnn_search.graph.cases import build_cases
from gnn_search.graph.csr import Float32
from gnn_search.model.encoder import NodeEncoder
from gnn_search.model.store import Model
from gnn_search.vectors.shop_vectors import ShopVectors


def held_out_queries(model: Model, shop: ShopVectors, limit: int, seed: int = 0) -> Float32:
    """Encode a sample of the validation cases, once as their shopper asks and once each distinct query as nobody does.

    Args:
        model: The model.
        shop: Its vectors as of the moment that counts.
        limit: Most cases.
        seed: Of the sample.

    Shapes:
        Returns float32 [at most 2 limit, d]: personal queries, then plain ones; zero vectors, which ask for nothing, are left out.

    Raises:
        RequestError: The validation period holds no choice, or `limit` is below 1.
    """
    cases = build_cases(model.graph, "validation", limit, seed)
    products = torch.from_numpy(shop.vectors["product"])
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of), products)
    personal = encoder.encode_requests(cases.user, cases.query).numpy()
    queries = np.concatenate([personal, shop.vectors["query"][np.unique(cases.query)]])
    return queries[queries.any(axis=1)]
