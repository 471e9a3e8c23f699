"""The personal tower as ONNX: a query's vector and what is known of a shopper in, the personal query's vector out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from gnn_search.config.recipe import Recipe
from gnn_search.config.training import UserSettings
from gnn_search.model.history_attention import HistoryAttention
from gnn_search.model.store import Model
from gnn_search.vectors.onnx.choices import Choices
from gnn_search.vectors.onnx.manifest import OnnxLayout, PersonalTowerInfo
from gnn_search.vectors.onnx.network import Network
from gnn_search.vectors.onnx.shopper import add_shopper, describe_attributes, sequences_of

_ABOUT = """A query's vector and what is known of a shopper to the personal query's vector.

Empty slots have the count or mask 0; a shopper of whom nothing is known leaves the query's vector as it is, to the bit."""


def write_onnx_personal_tower(folder: Path, model: Model) -> PersonalTowerInfo | None:
    """Write `personal_tower.onnx`.

    Args:
        folder: Exists.
        model: The model.

    Returns:
        What a server has to know of it; None, and no file, where the model has no part that says anything of shoppers.

    Raises:
        ConfigError: It would be too large for the format.
        MissingExtraError: The package onnx is not installed.

    Shapes:
        query: float32 [batch, d], unit length. Of each sequence of choices NAME, which is `history` or of the latest choices:
        NAME_vectors: float32 [batch, NAME, d], the products' vectors; NAME_counts, NAME_days: float32 [batch, NAME], how often each was
        chosen and how many days ago last.
        past_brands: int64 [batch, past], -1 for none. attributes, shared_attributes: int64 [batch, columns], codes, -1 for
        none. Outputs: personal: float32 [batch, d], unit length; user: float32 [batch, d], unit length or zeros.
    """
    tower, settings, dimension = model.retriever.user, model.config.user, model.config.dimension
    if tower.gate is None and tower.attention is None:
        return None
    network = Network("personal_tower")
    query = network.input("query", "float32", "batch", dimension)
    moved = query
    if tower.gate is not None:
        shopper = add_shopper(network, model)
        gate = network.op("Sigmoid", network.linear(network.op("Concat", query, shopper, axis=1), tower.gate))
        moved = network.op("Add", moved, network.op("Mul", gate, shopper))
        network.output(network.unit(shopper), "user", "batch", dimension)
    if tower.attention is not None:
        moved = network.op("Add", moved, _recall(network, query, tower.attention, dimension))
    # As in the tower: what did not move stays as it is, to the bit.
    stayed = network.op("Equal", moved, query)
    differs = network.op("Cast", network.op("Not", stayed), to=1)
    moves = network.op("Greater", network.op("ReduceMax", differs, network.constant([1]), keepdims=1), network.constant(0.5))
    network.output(network.op("Where", moves, network.unit(moved), query), "personal", "batch", dimension)
    network.save(OnnxLayout(folder).personal_tower, _ABOUT)
    return _describe(model, settings)


def _recall(network: Network, query: str, attention: HistoryAttention, dimension: int) -> str:
    """Add what the history in the query's categories says, as `HistoryAttention` does."""
    choices = Choices(network, "history", dimension)
    question = network.op("Unsqueeze", network.linear(query, attention.question), network.constant([2]))
    match = network.op("Squeeze", network.op("MatMul", choices.vectors, question), network.constant([2]))
    match = network.op("Mul", match, network.constant(dimension**0.5 / 8))
    first, last = attention.evidence[0], attention.evidence[2]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    hidden = _gelu(network, network.linear(choices.features(), first))
    logit = network.op("Add", match, network.op("Squeeze", network.linear(hidden, last), network.constant([2])))
    logit = network.op("Where", choices.there, logit, network.constant(float("-inf")))
    weight = network.op("Softmax", network.op("Concat", network.linear(query, attention.nothing), logit, axis=1), axis=1)
    weight = network.op("Slice", weight, network.constant([1]), network.constant([np.iinfo(np.int64).max]), network.constant([1]))
    recalled = network.linear(network.weighted_sum(weight, choices.vectors), attention.value)
    growth = network.op("Exp", network.op("Mul", choices.log_length, network.constant(attention.growth)))
    return network.op("Mul", network.op("Mul", recalled, network.constant(attention.scale)), growth)


def _gelu(network: Network, value: str) -> str:
    """Add the exact GELU, x (1 + erf(x / sqrt 2)) / 2."""
    erf = network.op("Erf", network.op("Mul", value, network.constant(0.5**0.5)))
    half = network.op("Mul", value, network.constant(0.5))
    return network.op("Mul", half, network.op("Add", erf, network.constant(1.0)))


def _describe(model: Model, settings: UserSettings) -> PersonalTowerInfo:
    tower = model.retriever.user
    attributes, shared = describe_attributes(model)
    return PersonalTowerInfo(
        clock=Recipe.model_validate(model.graph.manifest.recipe).tables.events.clock,
        actions=tuple(model.graph.chosen_actions),
        history=settings.history,
        recent=settings.recent,
        sequences=sequences_of(model),
        past=settings.past,
        brands=tower.from_brands is not None,
        attributes=attributes,
        shared_attributes=shared,
        user=tower.gate is not None,
    )
