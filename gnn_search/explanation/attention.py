"""Say what of a user's history counted for a request."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnn_search.explanation.request_parts import RequestParts
from gnn_search.explanation.result import Attention, RememberedProduct
from gnn_search.graph.store import Graph, to_datetime


def describe_attention(graph: Graph, request: RequestParts, product: dict[str, Tensor], history_query: int) -> Attention:
    """Name the products of the history with their weights, and what each adds to the cosine.

    Args:
        graph: The graph.
        request: A user's request, by a model with attention.
        product: The product's parts by name, [d] each.
        history_query: The query whose categories called up the history, -1 for none.
    """
    recalled_by = None if history_query < 0 else graph.nodes("query")["query"][history_query]
    attended = request.attended
    if attended is None:
        return Attention(recalled_by=recalled_by, nothing=1.0, products=())
    whole, towards = (torch.stack(list(parts.values())).double().sum(dim=0) for parts in (request.parts, product))
    scale = (torch.linalg.vector_norm(whole) * torch.linalg.vector_norm(towards)).clamp(min=1e-12)
    cosine = (attended.part.double() @ towards / scale).tolist()
    weight, history, products = attended.weight.tolist(), attended.history, graph.nodes("product")
    order = np.argsort(-attended.weight[1:].numpy(), kind="stable").tolist()
    return Attention(
        recalled_by=recalled_by,
        nothing=weight[0],
        products=tuple(
            RememberedProduct(
                product_id=products.to_series(0)[int(history.product[place])],
                title=products["title"][int(history.product[place])],
                times_interacted=int(history.count[place]),
                last_interacted=to_datetime(int(history.last[place])),
                weight=weight[1 + place],
                cosine=cosine[place],
            )
            for place in order
        ),
    )
