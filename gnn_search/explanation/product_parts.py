"""What a product's vector is the sum of."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from gnn_search.arrays import Int32, sorted_unique
from gnn_search.explanation.recording import recording
from gnn_search.model.aggregation import Ragged
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.inputs import ProductInputs
from gnn_search.trained.model import Model


@torch.no_grad()
def product_parts(model: Model, encoder: NodeEncoder, product: int) -> dict[str, Tensor]:
    """Return the parts of a product's vector before it is brought to unit length, float32 [d] each, by name.

    Args:
        model: The model.
        encoder: Its nodes as of a moment.
        product: Node.
    """
    towers, rows = model.towers, np.array([product], dtype=np.int32)
    inputs = model.inputs.products(encoder.view, rows)
    with_id_embedding = encoder.with_id_embeddings()
    bases = _bases_around(model, inputs, with_id_embedding)
    queries = sorted_unique(inputs.queries.index).astype(np.int32)
    texts = towers.query_texts(queries)
    with recording(_modules(model)) as outputs:
        base = towers.product_bases(rows, with_id_embedding[torch.from_numpy(rows)])
        towers.product(inputs, base, texts, queries, bases)
    parts, embedding = _named_parts(model, rows), outputs.pop(_ID, None)
    if embedding is not None and towers.product.new is not None:
        known = bool(with_id_embedding[product])
        parts["ID embedding" if known else "vector of all new products"] = embedding if known else towers.product.new.detach()[None]
    return {name: part[0] for name, part in {**parts, **outputs}.items()}


_ID = "id_embedding"


def _named_parts(model: Model, rows: Int32) -> dict[str, Tensor]:
    """Return the parts of a base that no module of their own makes."""
    tower, text = model.towers.product, model.towers.text
    parts: dict[str, Tensor] = {}
    if model.config.product.text:
        parts["title and brand" if "brand" in model.graph.nodes("product").columns else "title"] = text.nodes("product", rows)
    if tower.category is not None:
        path = Ragged.of_rows(model.features.path_indptr, model.features.path, rows)
        parts["category path"] = path.sum(tower.categories(text))
    return parts


def _modules(model: Model) -> dict[str, nn.Module | None]:
    """Return the modules whose outputs are parts, by what a reader is to call them; one without a name here goes by its own."""
    graph, shared = model.graph, model.towers.shared
    tables = graph.manifest.recipe["tables"]["products"]
    names = {
        "numeric": f"numbers ({', '.join(tables['numeric'])})",
        "attributes": f"attributes ({', '.join(tables['attributes'])})",
        "from_queries": "queries that led to it",
        "from_partners": "products bought with it",
        "degree": "how often it was chosen",
    }
    modules: dict[str, nn.Module | None] = {"attributes shared with shoppers": None if shared is None else shared.values}
    for child, module in model.towers.product.named_children():
        if isinstance(module, nn.ModuleList):
            modules |= {f"related products ({column})": one for column, one in zip(graph.related, module, strict=False)}
        else:
            modules[names.get(child, child)] = module
    return modules


def _bases_around(model: Model, inputs: ProductInputs, with_id_embedding: Tensor) -> Tensor:
    """Return the bases of the neighbours at their places, [catalogue, d]; all others are zero."""
    neighbours = (inputs.partners.index, *(related.index for related in inputs.related))
    needed = sorted_unique(np.concatenate(neighbours)).astype(np.int32)
    bases = torch.zeros(len(with_id_embedding), model.config.dimension)
    place = torch.from_numpy(needed.astype(np.int64))
    bases[place] = model.towers.product_bases(needed, with_id_embedding[place])
    return bases
