"""What a request's vector is the sum of, and where the attention over the history goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.explanation.recording import recording
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.user_tower import Slots
from gnn_search.retrieval.request_encoder import EncodedRequests
from gnn_search.sampling.history import History
from gnn_search.sampling.inputs import UserInputs
from gnn_search.trained.model import Model

TEXT, HISTORY = "query text", "history in the query's categories"


@dataclass(frozen=True)
class AttendedHistory:
    """The history of one request.

    Shapes:
        history: one row of m products; weight: float32 [1 + m], the zero slot first, sums to 1; part: float32 [m, d], what each product
        adds to the request before it is brought to unit length.
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

    The parts of the plain query are divided by its length, as they are before the shopper's are added.
    """
    plain = _query_parts(model, encoder, requests)
    length = torch.linalg.vector_norm(torch.stack(list(plain.values())).sum(dim=0)).clamp(min=1e-12)
    parts = {name: part / length for name, part in plain.items()}
    query = functional.normalize(torch.stack(list(plain.values())).sum(dim=0), dim=0)[None]
    moment = np.full(1, encoder.view.time, dtype=np.int64)
    users = model.inputs.users(requests.user, requests.history_query, moment, encoder.categories)
    own = _user_parts(model, users, encoder.products)
    tower = model.towers.user
    with recording({"gate": tower.gate, HISTORY: tower.attention}) as moved:
        model.towers.personalise(query, users, encoder.products)
    if "gate" in moved:
        gate = torch.sigmoid(moved["gate"][0])
        parts |= {name: gate * part for name, part in own.items()}
    attended = None
    if HISTORY in moved and len(users.history.product):
        parts[HISTORY] = moved[HISTORY][0]
        attended = _attended(model, query, users, encoder.products)
    said = {name: part for name, part in parts.items() if name == TEXT or bool(part.any())}
    return RequestParts(said, attended)


def _query_parts(model: Model, encoder: NodeEncoder, requests: EncodedRequests) -> dict[str, Tensor]:
    if requests.query[0] < 0:
        return {TEXT: model.towers.text([requests.texts[int(requests.text[0])]])[0]}
    text, tower = model.towers.query_texts(requests.query), model.towers.query
    inputs = model.inputs.queries(encoder.view, requests.query)
    with recording({"query's ID embedding": tower.id_embedding, "products that the query led to": tower.from_products}) as extra:
        model.towers.query(inputs, text, encoder.products)
    return {TEXT: text[0], **{name: part[0] for name, part in extra.items() if inputs.known[0]}}


def _user_parts(model: Model, users: UserInputs, products: Tensor) -> dict[str, Tensor]:
    """Return the parts of a shopper's vector, [d] each; none where the tower has none."""
    tower, shared = model.towers.user, model.towers.shared
    kinds = model.graph.positive_actions if model.config.user.by_action else ["choices"]
    modules: dict[str, nn.Module | None] = {
        **{f"shopper: latest {kind}": pooling for kind, pooling in zip(kinds, tower.recent, strict=False)},
        "shopper: brands": tower.from_brands,
        "shopper: attributes shared with products": None if shared is None else shared.values,
        "shopper: attributes": tower.attributes,
    }
    with recording(modules) as outputs:
        model.towers.user_vectors(users, products)
    return {name: outputs[name][users.row[0]] for name in modules if name in outputs}


def _attended(model: Model, query: Tensor, users: UserInputs, products: Tensor) -> AttendedHistory:
    attention, slots = model.towers.user.attention, Slots.of(users.history, products)
    assert attention is not None
    weight = attention.weights(query, slots)[0]
    return AttendedHistory(users.history, weight, attention.scaled(weight[1:, None] * slots.vectors[0], slots.log_length))
