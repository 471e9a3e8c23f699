"""Find a node by the shop's own id."""

from __future__ import annotations

from difflib import get_close_matches

import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph
from gnn_search.tables.text import normalise_text

_MOST_COMPARED = 50_000
"""Ids among which close ones are looked for; more would take seconds."""


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
    wanted = _as_stored(ids, node_type, shop_id)
    found = ids.eq(wanted).arg_max() if wanted is not None and len(ids) else None
    if found is None or ids[found] != wanted:
        raise RequestError(f"there is no {node_type} {str(shop_id)!r} in the graph {graph.path}{_alike(ids, str(shop_id))}")
    return found


def _as_stored(ids: pl.Series, node_type: str, shop_id: str | int) -> str | int | None:
    if ids.dtype != pl.Int64:
        # A lone surrogate, as from a broken command line argument, can stand in no table.
        return normalise_text(str(shop_id)) if node_type == "query" else str(shop_id).encode("utf-8", "replace").decode("utf-8")
    try:
        number = int(shop_id)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def _alike(ids: pl.Series, shop_id: str) -> str:
    alike = get_close_matches(shop_id, ids.head(_MOST_COMPARED).cast(pl.String).to_list(), n=3)
    if alike:
        return f"; did you mean {' or '.join(repr(one) for one in alike)}?"
    few = ids.head(3).cast(pl.String).to_list()
    return f"; there are {len(ids):,}, such as {', '.join(repr(one) for one in few)}" if few else "; it has none"
