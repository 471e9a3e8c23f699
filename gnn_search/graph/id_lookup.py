"""Find nodes by the shop's own ids, one or many.

One rule holds everywhere: an id counts where it is written as the graph would write it. '7' and 7.0 are 7, '007' is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import polars as pl

from gnn_search.arrays import Int32
from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph
from gnn_search.tables.columns import is_text
from gnn_search.tables.text import normalise_text

_MOST_COMPARED = 50_000
"""Ids among which close ones are looked for; more would take seconds."""


@dataclass(frozen=True, eq=False)
class FoundIds:
    """A column of ids as a user gave it, and the nodes that they name.

    Shapes:
        - given: [n], the ids, null for an empty text
        - stored: [n], the same in the graph's type, null where that can't hold one
        - node: int32 [n], -1 for none and for one that the graph does not hold
    """

    given: pl.Series
    stored: pl.Series
    node: Int32

    @property
    def fit(self) -> bool:
        """Whether the graph's type of ids can hold them all."""
        return self.stored.null_count() == self.given.null_count()


class IdLookup:
    """Finds ids by binary search, so that one costs little however many there are. Safe to use from several threads at once.

    Args:
        ids: Distinct ids of the nodes, integers or text.
    """

    def __init__(self, ids: pl.Series) -> None:
        order = ids.arg_sort()
        self._ids = ids.gather(order)
        self._node = order.cast(pl.Int32).to_numpy()

    def find(self, given: pl.Series) -> Int32:
        """Return the node of each id, -1 for null and for one that is not there.

        Shapes:
            - given: [n], text or numbers
            - returns: int32 [n]
        """
        wanted = as_id_type(given, self._ids.dtype)
        if not len(self._ids) or wanted.null_count() == len(wanted):
            return np.full(len(wanted), -1, dtype=np.int32)
        place = self._ids.search_sorted(wanted).clip(0, len(self._ids) - 1)
        found = (self._ids.gather(place) == wanted).fill_null(False).to_numpy()
        return np.where(found, self._node[place.to_numpy()], -1).astype(np.int32)

    def find_values(self, given: Sequence[str | int | None]) -> Int32:
        """Return the node of each id in a sequence, which may mix text and integers: int32 [n]."""
        return self.find(id_series("id", given))

    def find_column(self, given: pl.Series) -> FoundIds:
        """Find the ids of a column as a user wrote it, an empty text being none."""
        if is_text(given.dtype):
            given = given.cast(pl.String)
            given = given.set(given == "", None)
        return FoundIds(given, as_id_type(given, self._ids.dtype).alias(given.name), self.find(given))


def find_node(graph: Graph, node_type: str, shop_id: str | int) -> int:
    """Return the number of a node.

    Args:
        graph: The graph.
        node_type: `user`, `query`, `product` or `category`.
        shop_id: The shop's id, also as text where ids are integers; of a query its text, in any case and spacing.

    Raises:
        RequestError: There is no such node; the message names ids that look alike.
    """
    ids = graph.nodes(node_type).to_series(0)
    wanted = as_id_type(id_series("id", [normalise_text(str(shop_id)) if node_type == "query" else shop_id]), ids.dtype)[0]
    # A scan, as sorting the ids for one would take longer.
    found = None if wanted is None else ids.index_of(wanted)
    if found is None:
        raise RequestError(f"there is no {node_type} {str(shop_id)!r} in the graph {graph.path}{_close_ids(ids, str(shop_id))}")
    return found


def id_series(name: str, values: Sequence[str | int | None]) -> pl.Series:
    """Return ids as a column: integers where all are, else text.

    Raises:
        TypeError: A value is neither text nor an integer.
    """
    wrong = [value for value in values if isinstance(value, bool) or not isinstance(value, str | int | np.integer | None)]
    if wrong:
        raise TypeError(f"expected ids, text or integers, got {wrong[0]!r}")
    numbers = all(value is None or (not isinstance(value, str) and -(2**63) <= value < 2**63) for value in values)
    # A lone surrogate, as from a broken command line argument, can stand in no table.
    written = values if numbers else [None if value is None else str(value).encode("utf-8", "replace").decode("utf-8") for value in values]
    return pl.Series(name, written, dtype=pl.Int64 if numbers else pl.String)


def as_id_type(given: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Cast ids to the type of a graph's, null where one is not written as the graph would write it: '7' and 7.0 are 7, '007' is not."""
    if given.dtype == dtype:
        return given
    if is_text(given.dtype):
        given = given.cast(pl.String)
    if given.dtype.is_float():
        # A table of integers with gaps comes as floats from some tools.
        number = given.cast(pl.Int64, strict=False)
        given = number.set((number.cast(pl.Float64) != given.cast(pl.Float64)).fill_null(False), None)
    if dtype == pl.String or given.dtype != pl.String:
        return given.cast(dtype, strict=False)
    number = given.cast(pl.Int64, strict=False)
    return number.set((number.cast(pl.String) != given).fill_null(False), None)


def can_be_ids(dtype: pl.DataType) -> bool:
    """Say whether a column of this type can hold ids: text, integers, and the floats that stand for integers."""
    return is_text(dtype) or dtype == pl.Null or dtype.is_integer() or dtype.is_float()


def _close_ids(ids: pl.Series, shop_id: str) -> str:
    close = get_close_matches(shop_id, ids.head(_MOST_COMPARED).cast(pl.String).to_list(), n=3)
    if close:
        return f"; did you mean {' or '.join(repr(one) for one in close)}?"
    few = ids.head(3).cast(pl.String).to_list()
    return f"; there are {len(ids):,}, such as {', '.join(repr(one) for one in few)}" if few else "; it has none"
