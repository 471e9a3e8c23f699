"""Make guests of histories and attributes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int32
from gnn_search.graph.store import Graph


def describe_guests(graph: Graph, node: Int32, given: Mapping[str, pl.Series], place: str) -> pl.DataFrame:
    """Return the rows of guests as the graph's table of shoppers would hold them.

    Args:
        graph: The graph.
        node: Whom of the graph each guest is, -1 for nobody; what is not given is taken from there.
        given: Attributes by name, null where not known.
        place: Where the attributes stand, for messages.

    Shapes:
        node: int32 [guests]; given: guests rows each. Returns guests rows.

    Raises:
        RequestError: The graph's shoppers have no such attribute.
    """
    users = graph.nodes("user")
    strange = [name for name in given if name not in users.columns[1:]]
    if strange:
        names = ", ".join(users.columns[1:]) or "none"
        raise RequestError(f"{place}: shoppers of the graph have no attribute {strange[0]!r}; they have {names}")
    if not given and (node < 0).all():
        return users.clear(len(node))
    place_of = pl.Series(np.maximum(node, 0)).set(pl.Series(node < 0), None)
    known = pl.DataFrame([column.gather(place_of) if len(column) else column.clear(len(node)) for column in users])
    return known.with_columns(
        pl.coalesce(column.cast(known.schema[name], strict=False).alias(name), pl.col(name)).alias(name) for name, column in given.items()
    )
