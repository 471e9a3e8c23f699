"""What a product's vector is the sum of."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from gnn_search.explanation.recording import recording
from gnn_search.graph.csr import Int32
from gnn_search.model.encoder import NodeEncoder
from gnn_search.model.ragged import Ragged
from gnn_search.model.store import Model
from gnn_search.sampling.inputs import ProductInputs


@torch.no_grad()
def product_parts(model: Model, encoder: NodeEncoder, product: int) -> dict[str, Tensor]:
    """Return the parts of a product's vector before it is brought to unit length, float32 [d] each, by name.

    Args:
        model: The model.
        encoder: Its nodes as of a moment.
        product: Node.
    """
    retriever, rows = model.retriever, np.array([product], dtype=np.int32)
    inputs = model.inputs.products(encoder.view, rows)
    with_free = encoder.with_free_vectors()
    bases = _bases_around(model, inputs, with_free)
    queries = np.unique(inputs.queries.index).astype(np.int32)
    texts = retriever.query_texts(queries)
    with recording(_parts_of_base(model)) as base_parts:
        base = retriever.product_bases(rows, with_free[torch.from_numpy(rows)])
    with recording(_messages(model)) as messages:
        retriever.product_vectors(inputs, base, texts, queries, bases)
    free = base_parts.pop(_FREE, None)
    parts = _named_parts(model, rows)
    if free is not None and retriever.product.new is not None:
        known = bool(with_free[product])
        parts["free vector" if known else "vector of all new products"] = free if known else retriever.product.new[None]
    return {name: part[0] for name, part in {**parts, **base_parts, **messages}.items()}


_FREE = "free"


def _named_parts(model: Model, rows: Int32) -> dict[str, Tensor]:
    """Return the parts of a base that no module of their own makes."""
    tower, text = model.retriever.product, model.retriever.text
    parts: dict[str, Tensor] = {}
    if model.config.product.text:
        parts["title and brand" if "brand" in model.graph.nodes("product").columns else "title"] = text.nodes("product", rows)
    if tower.category is not None:
        path = Ragged.of_rows(model.features.path_indptr, model.features.path, rows)
        parts["category path"] = path.sum(tower.categories(text))
    return parts


def _parts_of_base(model: Model) -> dict[str, nn.Module | None]:
    tower, shared = model.retriever.product, model.retriever.shared
    tables = model.graph.manifest.recipe["tables"]["products"]
    return {
        _FREE: tower.free,
        f"numbers ({', '.join(tables['numeric'])})": tower.numeric,
        f"attributes ({', '.join(tables['attributes'])})": tower.attributes,
        "brand": tower.brand,
        "attributes shared with shoppers": None if shared is None else shared.values,
    }


def _messages(model: Model) -> dict[str, nn.Module | None]:
    tower, graph = model.retriever.product, model.graph
    return {
        "queries that led to it": tower.from_queries,
        "products bought with it": tower.from_partners,
        **{f"related products ({column})": conv for column, conv in zip(graph.related, tower.from_related, strict=False)},
        **{f"shoppers ({action})": conv for action, conv in zip(graph.chosen_actions, tower.from_shoppers, strict=False)},
    }


def _bases_around(model: Model, inputs: ProductInputs, with_free: Tensor) -> Tensor:
    """Return the bases of the neighbours at their places, [catalogue, d]; all others are zero."""
    neighbours = (inputs.partners.index, *(related.index for related in inputs.related), inputs.shoppers.recent.product)
    needed = np.unique(np.concatenate(neighbours)).astype(np.int32)
    bases = torch.zeros(len(with_free), model.config.dimension)
    place = torch.from_numpy(needed.astype(np.int64))
    bases[place] = model.retriever.product_bases(needed, with_free[place])
    return bases
