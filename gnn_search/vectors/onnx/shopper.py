"""The shopper's part of the personal tower: what was chosen and asked, and attributes, to one vector."""

from __future__ import annotations

import polars as pl
import torch
from torch import Tensor

from gnn_search.model.relation_conv import RelationConv
from gnn_search.model.store import Model
from gnn_search.vectors.onnx.choices import Choices
from gnn_search.vectors.onnx.manifest import ValueCodes
from gnn_search.vectors.onnx.network import Network


def add_shopper(network: Network, model: Model) -> str:
    """Add the shopper's vector as `UserTower.vectors` makes it, [batch, d], and the inputs that it needs."""
    retriever, settings, dimension = model.retriever, model.config.user, model.config.dimension
    tower, parts = retriever.user, []
    for name, pooling in zip(sequences_of(model), tower.recent, strict=True):
        choices = Choices(network, name, dimension)
        weight = choices.importance(settings.half_life_days)
        assert isinstance(pooling, RelationConv)
        parts.append(network.linear(network.weighted_sum(_share(network, weight), choices.vectors), pooling.linear))
    if tower.attributes is not None:
        columns = model.features.attributes.code.shape[1]
        parts.append(_mean_of_rows(network, network.input("attributes", "int64", "batch", columns), tower.attributes))
    if tower.from_brands is not None and retriever.product.brand is not None:
        past = _mean_of_rows(network, network.input("past_brands", "int64", "batch", "past"), retriever.product.brand.weight)
        parts.append(network.linear(past, tower.from_brands.linear))
    if retriever.shared is not None:
        table = retriever.shared.values.weight
        codes = network.input("shared_attributes", "int64", "batch", sum(len(level.user) for level in model.config.shared_attributes))
        parts.append(network.sum(_rows(network, codes, table), 1))
    return network.op("Sum", *parts)


def sequences_of(model: Model) -> dict[str, str | None]:
    """Return the names of the sequences of latest choices, each with the action that it is of, None for all."""
    settings = model.config.user
    if not settings.recent:
        return {}
    return {f"recent_{action}": action for action in model.graph.chosen_actions} if settings.by_action else {"recent": None}


def describe_attributes(model: Model) -> tuple[tuple[ValueCodes, ...], tuple[ValueCodes, ...]]:
    """Return the codes of the shoppers' attributes and of those that products have too; none for a part that the model lacks."""
    users, products = model.graph.nodes("user"), model.graph.nodes("product")
    own = [(column, [users[column]]) for column in users.columns[1:]] if model.retriever.user.attributes is not None else []
    shared = [
        (of_user, [users[of_user], products[of_product]])
        for attribute in model.config.shared_attributes
        for of_user, of_product in zip(attribute.user, attribute.product, strict=True)
    ]
    return _number(own), _number(shared)


def _number(columns: list[tuple[str, list[pl.Series]]]) -> tuple[ValueCodes, ...]:
    codes, first = [], 0
    for name, held in columns:
        values = pl.concat([column.alias("value") for column in held]).drop_nulls().unique().sort().to_list()
        codes.append(ValueCodes(column=name, first=first, values=tuple(values)))
        first += len(values)
    return tuple(codes)


def _share(network: Network, weight: str) -> str:
    """Scale weights to sum to 1; all 0 stay so."""
    total = network.op("ReduceSum", weight, network.constant([1]), keepdims=1)
    return network.op("Div", weight, network.op("Max", total, network.constant(1e-30)))


def _rows(network: Network, codes: str, table: Tensor) -> str:
    """Add the rows of a table, zeros for -1, which counts from the end: [batch, columns, d]."""
    padded = torch.cat([table.detach(), table.new_zeros(1, table.shape[1])])
    return network.op("Gather", network.constant(padded), codes)


def _mean_of_rows(network: Network, codes: str, table: Tensor) -> str:
    """Add the mean of a table's rows over the codes that are not -1; zeros where all are: [batch, d]."""
    known = network.op("Cast", network.op("GreaterOrEqual", codes, network.constant([0])), to=1)
    count = network.op("Max", network.op("ReduceSum", known, network.constant([1]), keepdims=1), network.constant(1.0))
    return network.op("Div", network.sum(_rows(network, codes, table), 1), count)
