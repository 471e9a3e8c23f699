"""Split the vectors of a product and of a request into parts, and name what the attention over the history goes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.arrays import Int32, sorted_unique
from gnn_search.explanation.result import Attention, RememberedProduct
from gnn_search.graph.store import Graph, to_datetime
from gnn_search.model.aggregation import Ragged
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.user_tower import Slots
from gnn_search.retrieval.request_encoder import EncodedRequests
from gnn_search.sampling.history import CategoryLists, History
from gnn_search.sampling.inputs import ProductInputs, UserInputs
from gnn_search.trained.model import Model

TEXT, HISTORY = "query text", "history in the query's categories"


@torch.no_grad()
def product_parts(model: Model, encoder: NodeEncoder, product: int) -> dict[str, Tensor]:
    """Return the parts of a product's vector before it is brought to unit length, float32 [d] each, by name."""
    towers, rows = model.towers, np.array([product], dtype=np.int32)
    inputs = model.inputs.products(encoder.view, rows)
    with_id_embedding = encoder.with_id_embeddings()
    bases = _bases_around(model, inputs, with_id_embedding)
    queries = sorted_unique(inputs.queries.index).astype(np.int32)
    texts = towers.query_texts(queries)
    with recording(_modules(model)) as outputs:
        base = towers.product_bases(rows, with_id_embedding[torch.from_numpy(rows)])
        towers.product(inputs, base, texts, queries, bases)
    parts, embedding = _named_parts(model, rows), outputs.pop("id_embedding", None)
    if embedding is not None and towers.product.new is not None:
        known = bool(with_id_embedding[product])
        parts["ID embedding" if known else "vector of all new products"] = embedding if known else towers.product.new.detach()[None]
    return {name: part[0] for name, part in {**parts, **outputs}.items()}


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
        "from_queries": "queries of its interactions",
        "from_partners": "products bought with it",
        "degree": "how many interactions it has",
    }
    modules: dict[str, nn.Module | None] = {"attributes shared with users": None if shared is None else shared.values}
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


@dataclass(frozen=True)
class AttendedHistory:
    """The history of one request.

    Shapes:
        - history: one row of m products
        - weight: float32 [1 + m], the zero slot first, sums to 1
        - part: float32 [m, d], what each product adds to the request before it is brought to unit length
    """

    history: History
    weight: Tensor
    part: Tensor


@dataclass(frozen=True)
class RequestParts:
    """Parts of a request's vector before it is brought to unit length, float32 [d] each, by name; all but the text's are not zero."""

    parts: dict[str, Tensor]
    attended: AttendedHistory | None


@torch.no_grad()
def request_parts(model: Model, encoder: NodeEncoder, requests: EncodedRequests) -> RequestParts:
    """Take one encoded request apart.

    The parts of the plain query are divided by its length, as they are before the user's are added.
    """
    plain = _query_parts(model, encoder, requests)
    whole = torch.stack(list(plain.values())).sum(dim=0)
    length = torch.linalg.vector_norm(whole).clamp(min=1e-12)
    parts = {name: part / length for name, part in plain.items()}
    query = functional.normalize(whole, dim=0)[None]
    as_of = np.full(1, encoder.view.time, dtype=np.int64)
    categories: CategoryLists = encoder.categories
    history_query = requests.history_query
    if requests.lenders is not None:
        categories, history_query = encoder.categories.merge(history_query, requests.borrowed()), np.zeros(1, dtype=np.int32)
    users = model.inputs.users(requests.user, history_query, as_of, categories)
    own = _user_parts(model, users, encoder.products)
    tower = model.towers.user
    with recording({"gate": tower.gate, HISTORY: tower.attention}) as moved:
        model.towers.personalise(query, users, encoder.products)
    if "gate" in moved:
        gate = torch.sigmoid(moved["gate"][0])
        parts |= {name: gate * part for name, part in own.items()}
    attended = None
    if tower.attention is not None and HISTORY in moved and len(users.history.product):
        parts[HISTORY], slots = moved[HISTORY][0], Slots.of(users.history, encoder.products)
        weight = tower.attention.weights(query, slots)[0]
        attended = AttendedHistory(users.history, weight, tower.attention.scaled(weight[1:, None] * slots.vectors[0], slots.log_length))
    return RequestParts({name: part for name, part in parts.items() if name == TEXT or bool(part.any())}, attended)


def _query_parts(model: Model, encoder: NodeEncoder, requests: EncodedRequests) -> dict[str, Tensor]:
    if requests.query[0] < 0:
        return {TEXT: model.towers.text([requests.texts[int(requests.text[0])]])[0]}
    text, tower = model.towers.query_texts(requests.query), model.towers.query
    inputs = model.inputs.queries(encoder.view, requests.query)
    with recording({"query's ID embedding": tower.id_embedding, "products of the query's interactions": tower.from_products}) as extra:
        model.towers.query(inputs, text, encoder.products)
    return {TEXT: text[0], **{name: part[0] for name, part in extra.items() if inputs.known[0]}}


def _user_parts(model: Model, users: UserInputs, products: Tensor) -> dict[str, Tensor]:
    """Return the parts of a user's vector, [d] each; none where the tower has none."""
    tower, shared = model.towers.user, model.towers.shared
    kinds = model.graph.positive_actions if model.config.user.by_action else ["interactions"]
    modules: dict[str, nn.Module | None] = {
        **{f"user: latest {kind}": pooling for kind, pooling in zip(kinds, tower.recent, strict=False)},
        "user: brands": tower.from_brands,
        "user: attributes shared with products": None if shared is None else shared.values,
        "user: attributes": tower.attributes,
    }
    with recording(modules) as outputs:
        model.towers.user_vectors(users, products)
    return {name: outputs[name][users.row[0]] for name in modules if name in outputs}


def describe_attention(graph: Graph, request: RequestParts, product: dict[str, Tensor], history_query: int) -> Attention:
    """Name the products of the history with their weights, and what each adds to the cosine.

    Args:
        graph: The graph.
        request: Of a user, by a model with attention.
        product: Parts of its vector by name.
        history_query: The query whose categories selected the history, -1 for none.
    """
    selected_by = None if history_query < 0 else graph.nodes("query")["query"][history_query]
    attended = request.attended
    if attended is None:
        return Attention(history_query=selected_by, nothing=1.0, products=())
    whole, towards = (torch.stack(list(parts.values())).double().sum(dim=0) for parts in (request.parts, product))
    scale = (torch.linalg.vector_norm(whole) * torch.linalg.vector_norm(towards)).clamp(min=1e-12)
    cosine = (attended.part.double() @ towards / scale).tolist()
    weight, history, products = attended.weight.tolist(), attended.history, graph.nodes("product")
    order = np.argsort(-attended.weight[1:].numpy(), kind="stable").tolist()
    return Attention(
        history_query=selected_by,
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


@contextmanager
def recording(modules: Mapping[str, nn.Module | None]) -> Iterator[dict[str, Tensor]]:
    """Keep what modules return inside the block of code.

    So a tower need not know that it is explained, and what is explained is what it computed.

    Yields:
        The last output of each module that was called, by name, in the order of the calls.
    """
    kept: dict[str, Tensor] = {}
    handles = [module.register_forward_hook(partial(_keep, kept, name)) for name, module in modules.items() if module is not None]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def _keep(kept: dict[str, Tensor], name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
    kept[name] = output
