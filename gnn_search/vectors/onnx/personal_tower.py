"""The personal tower as ONNX: a query's vector and a user's past to a personal query; and the tables that `serving.py` reads for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.arrays import bisect_rows
from gnn_search.config.recipe import Recipe
from gnn_search.graph.store import Graph, to_datetime
from gnn_search.model.aggregation import Padded, PaddedVectors
from gnn_search.model.codes import ValueNumbers
from gnn_search.model.user_tower import Slots, UserLists
from gnn_search.sampling.history import QueryCategories
from gnn_search.trained.model import Model
from gnn_search.vectors.onnx.manifest import PERSONAL_TOWER, PersonalTowerInfo, ValueCodes
from gnn_search.vectors.onnx.network import export_module
from gnn_search.vectors.onnx.serving import User

_ABOUT = """A query's vector and what is known of its user to the personal query's vector.

Empty slots have the count 0; a user of whom nothing is known leaves the query's vector as it is, to the bit."""
_LONG_AGO = 1e30
"""Days; later than every age, so an empty slot is never the youngest."""

_BLOCK = 8192
"""Texts encoded at once."""


class PersonalTower(nn.Module):
    """The user tower of a model, fed from padded arrays that a server can make.

    Args:
        model: The model.
        sequences: Names of the sequences of latest interactions.
    """

    def __init__(self, model: Model, sequences: Sequence[str]) -> None:
        super().__init__()
        towers, self._sequences = model.towers, sequences
        self._half_life, self._dimension = model.config.user.half_life_days, model.config.dimension
        self.user, self.brand = towers.user, towers.product.brand if towers.user.from_brands is not None else None
        self.shared = None if towers.shared is None else towers.shared.values
        self._columns = {"attributes": model.features.attributes.code.shape[1] if self.user.attributes is not None else 0}
        self._columns["shared_attributes"] = 0 if towers.shared is None else towers.shared.users.code.shape[1]

    def inputs(self) -> dict[str, tuple[Tensor, tuple[str | int, ...]]]:
        """Return examples of the inputs by name, with their shapes."""
        batch, slots = 2, 3
        sequences = [*(["history"] if self.user.attention is not None else []), *self._sequences]
        inputs: dict[str, tuple[Tensor, tuple[str | int, ...]]] = {
            "query": (torch.ones(batch, self._dimension), ("batch", self._dimension))
        }
        for name in sequences:
            inputs[f"{name}_vectors"] = torch.ones(batch, slots, self._dimension), ("batch", name, self._dimension)
            inputs[f"{name}_counts"] = torch.ones(batch, slots), ("batch", name)
            inputs[f"{name}_days"] = torch.ones(batch, slots), ("batch", name)
        if self.brand is not None:
            inputs["profile_brands"] = torch.zeros(batch, slots, dtype=torch.int64), ("batch", "profile")
        for name, columns in self._columns.items():
            if columns:
                inputs[name] = torch.zeros(batch, columns, dtype=torch.int64), ("batch", columns)
        return inputs

    def outputs(self) -> list[str]:
        """Return the names of the outputs."""
        return ["personal", "user"] if self.user.gate is not None else ["personal"]

    def forward(self, query: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """Personalise queries; see `write_onnx_personal_tower` for the shapes."""
        inputs = dict(zip(self.inputs(), (query, *others), strict=True))
        recent = [
            PaddedVectors(inputs[f"{name}_vectors"], _recency(inputs[f"{name}_counts"], inputs[f"{name}_days"], self._half_life))
            for name in self._sequences
        ]
        history = None
        if self.user.attention is not None:
            history = _slots(inputs["history_vectors"], inputs["history_counts"], inputs["history_days"])
        lists = UserLists(
            recent,
            Padded.of_known(inputs["attributes"], mean=True) if "attributes" in inputs else None,
            Padded.of_known(inputs["profile_brands"], mean=True) if self.brand is not None else None,
            Padded.of_known(inputs["shared_attributes"], mean=False) if self.shared is not None else None,
            query.shape[0],
        )
        # No product table: the vectors are in the lists.
        user = self.user.encode(lists, query, self.brand, self.shared)
        personal = self.user(query, user, history)
        return (personal, functional.normalize(user, dim=1)) if self.user.gate is not None else (personal,)


def write_onnx_personal_tower(folder: Path, model: Model) -> PersonalTowerInfo | None:
    """Write `personal_tower.onnx`.

    Returns:
        What a server has to know of it; None, and no file, where the model has no part that says anything of users.

    Raises:
        ConfigError: It would be too large for the format.
        MissingExtraError: The package onnx is not installed.

    Shapes:
        Of each sequence of interactions NAME, which is `history` or one of the latest interactions:

        - query: float32 [batch, d], unit length
        - NAME_vectors: float32 [batch, NAME, d], the products' vectors
        - NAME_counts: float32 [batch, NAME], interactions with each, 0 for an empty slot
        - NAME_days: float32 [batch, NAME], days since the last of them
        - profile_brands: int64 [batch, profile], -1 for none
        - attributes, shared_attributes: int64 [batch, columns], codes, -1 for none
        - returns personal: float32 [batch, d], unit length
        - returns user: float32 [batch, d], unit length or zeros
    """
    sequences, settings = sequences_of(model), model.config.user
    tower = PersonalTower(model, list(sequences))
    if tower.user.gate is None and tower.user.attention is None:
        return None
    export_module(tower, tower.inputs(), tower.outputs(), folder / PERSONAL_TOWER, _ABOUT)
    return PersonalTowerInfo(
        clock=Recipe.model_validate(model.graph.manifest.recipe).tables.clock,
        actions=tuple(model.graph.positive_actions),
        attention_length=settings.attention_length,
        sequence_length=settings.sequence_length,
        sequences=sequences,
        profile_length=settings.profile_length,
        brands=tower.brand is not None,
        attributes=() if tower.user.attributes is None else _describe(model.features.user_values),
        shared_attributes=() if model.towers.shared is None else _describe(model.towers.shared.user_values),
        user=tower.user.gate is not None,
    )


def sequences_of(model: Model) -> dict[str, str | None]:
    """Return the names of the sequences of latest interactions, each with the action that it is of, None for all."""
    settings = model.config.user
    if not settings.sequence_length:
        return {}
    return {f"recent_{action}": action for action in model.graph.positive_actions} if settings.by_action else {"recent": None}


def _describe(numbers: ValueNumbers) -> tuple[ValueCodes, ...]:
    firsts = accumulate((len(values) for _, values in numbers.values), initial=0)
    return tuple(
        ValueCodes(column=name, first=first, values=tuple(values)) for (name, values), first in zip(numbers.values, firsts, strict=False)
    )


def _recency(counts: Tensor, days: Tensor, half_life: float) -> Tensor:
    """Return count * 2 ** (-(days - youngest) / half-life), scaled to sum to 1 in each row, 0 for an empty slot: [batch, slots]."""
    days = days.clamp(min=0)
    youngest = torch.where(counts > 0, days, _LONG_AGO).amin(dim=1, keepdim=True)
    # Of an empty slot the difference may be below 0, and the power too large for the count of 0.
    weight = counts * 0.5 ** ((days - youngest).clamp(min=0) / half_life)
    return weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-30)


def _slots(vectors: Tensor, counts: Tensor, days: Tensor) -> Slots:
    """Describe a history as `sampling.history` and `Slots.of` do."""
    there = counts > 0
    log_length = there.float().sum(dim=1, keepdim=True).clamp(min=1).log()
    features = (
        counts.clamp(min=1).log(),
        days.clamp(min=0).log1p(),
        counts / counts.sum(dim=1, keepdim=True).clamp(min=1),
        log_length.expand_as(counts),
    )
    return Slots(vectors, torch.stack(features, dim=2), ~there, log_length)


def write_serving_tables(folder: Path, model: Model, info: PersonalTowerInfo, as_of: int) -> None:
    """Write the arrays that the inputs of the personal tower are made with, as of a time (µs), and `serving.py`, which makes them."""
    if info.attention_length:
        categories = QueryCategories(model.graph.before(as_of), model.config.user.query_categories)
        np.save(folder / "query_categories_indptr.npy", categories.indptr)
        np.save(folder / "query_categories.npy", categories.category)
        np.save(folder / "product_category.npy", np.asarray(model.graph.taxonomy.product_category, dtype=np.int32))
        np.save(folder / "query_texts.npy", _query_texts(model))
    if info.brands:
        np.save(folder / "product_brand.npy", model.features.brands.code[:, 0].astype(np.int32))
    (folder / "serving.py").write_bytes(Path(__file__).with_name("serving.py").read_bytes())


@torch.no_grad()
def _query_texts(model: Model) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    texts = np.empty((model.graph.num_nodes["query"], model.config.dimension), dtype=np.float32)
    for start in range(0, len(texts), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(texts)), dtype=np.int32)
        texts[rows] = model.towers.query_texts(rows).numpy()
    return texts


def user_of(graph: Graph, user: int, as_of: int) -> User:
    """Return a user's events before a time (µs) and attributes, as a server would pass them; nobody for -1."""
    time = np.datetime64(to_datetime(as_of).replace(tzinfo=None), "us")
    if user < 0:
        return User(time)
    events = [(*_entries(graph, ("product", f"rev_{action}", "user"), user, as_of), action) for action in graph.positive_actions]
    return User(
        time,
        time=np.concatenate([time for _, time, _ in events]).astype("datetime64[us]"),
        product=np.concatenate([product for product, _, _ in events]),
        action=[action for product, _, action in events for _ in product],
        attributes=graph.nodes("user").row(user, named=True),
    )


def _entries(graph: Graph, edge_type: tuple[str, str, str], row: int, as_of: int) -> tuple[np.ndarray, np.ndarray]:
    csr = graph.csr(edge_type)
    assert csr.time is not None
    start, end = csr.indptr[row : row + 1], csr.indptr[row + 1 : row + 2]
    inside = slice(int(start[0]), int(bisect_rows(csr.time, start, end, as_of)[0]))
    return np.asarray(csr.index[inside]), np.asarray(csr.time[inside])
