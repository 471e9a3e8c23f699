"""From what a server knows of a user to the inputs of `personal_tower.onnx`.

This file needs numpy alone and reads the folder that it lies in; copy both into your service. It follows the rules by which the model was
trained: which of a user's events count for a query, how many of them, and in which order.

Example:
    tables = ServingTables.open(Path("export/onnx"))
    user = User(as_of=np.datetime64("2024-02-22T10:00"), time=times, product=products, action=actions)
    inputs = tables.inputs(query_vectors, [tables.history_query(query, text_vector)], [user], product_vectors)
    personal = onnxruntime.InferenceSession("export/onnx/personal_tower.onnx").run(["personal"], inputs)[0]
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Int = npt.NDArray[np.int64]
_Float32 = npt.NDArray[np.float32]
_Slots = tuple[Int, Int, npt.NDArray[np.float64]]
"""Distinct products of one user's past, the latest last: their rows, how many interactions, and how many days ago the last."""

_WHITE_SPACE = re.compile(r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
"""Unicode's, to which Python adds four separators."""
_DAY = 86_400e6
"""µs."""
_INTERACTIONS_READ = 512
"""Latest interactions in one category that count."""


@dataclass(frozen=True)
class User:
    """The user of a request: attributes, and the events of the past, in the order of the log where several have one time. Nobody has none.

    Attributes:
        as_of: Time of the request, UTC. Events at it or after it do not count.
        time: When each event was, UTC, as numpy datetimes.
        product: Row of its product in `parquet/product-*.parquet`, counted from 0; -1 for one that is not there.
        action: Its kind of action.
        attributes: Values by column of the users table.
    """

    as_of: np.datetime64
    time: npt.ArrayLike = ()
    product: npt.ArrayLike = ()
    action: Sequence[str] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Past:
    """Events before the request, in time order; `kind` is the place of the action among those that count as interactions, -1 for none."""

    as_of: int
    time: Int
    product: Int
    kind: Int


class ServingTables:
    """What `onnx.json` says of the personal tower, and the tables beside it.

    Args:
        settings: The part `personal_tower` of `onnx.json`.
        tables: The arrays of the folder, by name.
    """

    def __init__(self, settings: Mapping[str, Any], tables: Mapping[str, npt.NDArray[Any]]) -> None:
        # Plain arrays over the files: each look-up in a memory map of numpy's own class costs microseconds more.
        self._settings, self._tables = settings, {name: np.asarray(table) for name, table in tables.items()}
        self._kinds = {action: place for place, action in enumerate(settings["actions"])}
        self._codes = {
            part: [(level["column"], {value: level["first"] + place for place, value in enumerate(level["values"])}) for level in levels]
            for part in ("attributes", "shared_attributes")
            if (levels := settings[part])
        }
        if settings["attention_length"]:
            # Only queries that led somewhere before call up a history.
            self._known = np.flatnonzero(np.diff(tables["query_categories_indptr"]) > 0)
            self._texts = _unit(tables["query_texts"][self._known])

    @classmethod
    def open(cls, folder: Path) -> ServingTables:
        """Open the folder that `gnn-search export --format onnx` wrote; the arrays stay on disk until they are read."""
        settings = json.loads((folder / "onnx.json").read_text(encoding="utf-8"))["personal_tower"]
        if settings is None:
            raise ValueError(f"the model in {folder} has nothing to say of users; search with the query's vector itself")
        return cls(settings, read_tables(folder))

    def history_query(self, query: int, text: _Float32) -> int:
        """Return the query whose categories select the user's history: itself, else the nearest by text that led somewhere, or -1.

        Args:
            query: Row of the query in `parquet/query-*.parquet`; -1 for one that is not there.
            text: Its vector by `text_tower.onnx`, float32 [d]; read only where the query itself led nowhere.
        """
        if not self._settings["attention_length"] or not len(self._known):
            return -1
        bounds = self._tables["query_categories_indptr"]
        if query >= 0 and bounds[query + 1] > bounds[query]:
            return query
        scores = self._texts @ text
        best = int(np.argmax(scores))
        return int(self._known[best]) if scores[best] > 0 else -1

    def inputs(
        self, vectors: _Float32, history_queries: Sequence[int], users: Sequence[User], products: _Float32
    ) -> dict[str, npt.NDArray[Any]]:
        """Return the inputs of `personal_tower.onnx` for a batch of requests.

        Args:
            vectors: The queries' vectors: of a known query that of `parquet/query-*.parquet`, of any other that of `text_tower.onnx`.
            history_queries: Of each request, from `history_query`.
            users: Of each request.
            products: The vectors of `parquet/product-*.parquet`.

        Shapes:
            - vectors: float32 [n, d]
            - history_queries, users: n
            - products: float32 [catalogue, d]
        """
        settings, pasts = self._settings, [self._past(user) for user in users]
        feeds: dict[str, npt.NDArray[Any]] = {"query": np.asarray(vectors, dtype=np.float32)}
        if settings["attention_length"]:
            history = [self._in_categories(past, query) for past, query in zip(pasts, history_queries, strict=True)]
            feeds |= _sequence("history", history, products)
        for name, action in settings["sequences"].items():
            kind = None if action is None else self._kinds[action]
            feeds |= _sequence(name, [_latest(past, kind, settings["sequence_length"]) for past in pasts], products)
        if settings["brands"]:
            brands = self._tables["product_brand"]
            feeds["profile_brands"] = _padded([brands[_profile(past, settings["profile_length"])] for past in pasts], np.int64, -1)
        for part, columns in self._codes.items():
            codes = [[code.get(_label(user.attributes.get(column)), -1) for column, code in columns] for user in users]
            feeds[part] = np.array(codes, dtype=np.int64).reshape(len(users), len(columns))
        return feeds

    def _past(self, user: User) -> _Past:
        time, as_of = _microseconds(user.time), int(_microseconds(user.as_of))
        product = np.asarray(user.product, dtype=np.int64)
        kind = np.array([self._kinds.get(action, -1) for action in user.action], dtype=np.int64)
        order = np.lexsort((kind, time))
        order = order[time[order] < as_of]
        return _Past(as_of, time[order], product[order], np.where(product >= 0, kind, -1)[order])

    def _in_categories(self, past: _Past, query: int) -> _Slots:
        """Return the interactions in the query's categories."""
        bounds = self._tables["query_categories_indptr"]
        start, end = bounds[query : query + 2] if query >= 0 else (0, 0)
        category = np.where(past.kind >= 0, self._tables["product_category"][past.product], -1) if len(past.product) else past.product
        inside = np.flatnonzero(np.isin(category, self._tables["query_categories"][start:end]))
        if len(inside) > _INTERACTIONS_READ:
            # The latest of each category, which a stable sort leaves last.
            inside = inside[np.argsort(category[inside], kind="stable")]
            end = np.searchsorted(category[inside], category[inside], side="right")
            inside = np.sort(inside[end - np.arange(len(inside)) <= _INTERACTIONS_READ])
        return _distinct(past.product[inside], past.time[inside], past.as_of, self._settings["attention_length"])


def _label(value: object) -> str:
    """Write a value as tables of attributes hold it, where true is lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _microseconds(time: npt.ArrayLike) -> Int:
    return np.asarray(time, dtype="datetime64[us]").astype(np.int64)


def normalise(text: str) -> str:
    """Return the normal form of a query, in which known queries are written: NFKC, lower case, single spaces."""
    lowered = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    return _WHITE_SPACE.sub(" ", lowered).strip(" ")


def read_tables(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """Open the arrays of a folder by name."""
    return {file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in sorted(folder.glob("*.npy"))}


def _latest(past: _Past, kind: int | None, most: int) -> _Slots:
    """Return the distinct products among the latest interactions of a kind, or of all."""
    events = np.flatnonzero(past.kind >= 0 if kind is None else past.kind == kind)[-most:]
    return _distinct(past.product[events], past.time[events], past.as_of, most)


def _profile(past: _Past, most: int) -> Int:
    """Return all products interacted with, or `most` at even distances over the whole past: the middles of as many equal parts of it."""
    products = past.product[past.kind >= 0]
    size = min(len(products), most)
    return products[(2 * np.arange(size) + 1) * len(products) // (2 * size)] if size else products


def _distinct(thing: Int, time: Int, as_of: int, most: int) -> _Slots:
    """Merge repeats, order by last time, keep the latest."""
    distinct, row, count = np.unique(thing, return_inverse=True, return_counts=True)
    last = np.full(len(distinct), np.iinfo(np.int64).min)
    np.maximum.at(last, row, time)
    kept = np.lexsort((distinct, last))[-most:]
    return distinct[kept], count[kept], (as_of - last[kept]) / _DAY


def _sequence(name: str, found: Sequence[_Slots], products: _Float32) -> dict[str, npt.NDArray[Any]]:
    """Return the inputs of a sequence of interactions."""
    counts = _padded([count for _, count, _ in found], np.float32, 0)
    rows = _padded([row for row, _, _ in found], np.int64, 0)
    return {
        f"{name}_vectors": np.asarray(products[rows] * (counts > 0)[:, :, None], dtype=np.float32),
        f"{name}_counts": counts,
        f"{name}_days": _padded([days for _, _, days in found], np.float32, 0),
    }


def _padded(rows: Sequence[npt.NDArray[Any]], dtype: type[np.generic], empty: int) -> npt.NDArray[Any]:
    """Lay rows out as a rectangle at least one wide."""
    padded = np.full((len(rows), max([1, *map(len, rows)])), empty, dtype=dtype)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded


def _unit(vectors: _Float32) -> _Float32:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)
