"""Users whom requests describe themselves, by a history or attributes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from gnn_search.arrays import Int32
from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph
from gnn_search.model.inductive_users import InductiveUsers, UserEvents
from gnn_search.trained.model import Model


def read_inductive_users(
    model: Model, node: Int32, attributes: Mapping[str, pl.Series], events: UserEvents, place: str
) -> tuple[InductiveUsers, pl.DataFrame]:
    """Lay out users who are not in the graph, or whose history is given anew.

    Args:
        model: The model that is to encode them.
        node: Whom of the graph each user is, -1 for nobody; attributes that are not given are taken from there.
        attributes: Attributes by name, null where not known.
        events: What they did.
        place: Where the attributes stand, for messages.

    Returns:
        The users, and their attributes as the graph's table of users would hold them.

    Shapes:
        - node: int32 [users]
        - attributes: users rows each

    Raises:
        RequestError: The graph's users have no such attribute.
    """
    table = _describe(model.graph, node, attributes, place)
    return InductiveUsers.build(model.graph, model.towers, table, events), table


def _describe(graph: Graph, node: Int32, given: Mapping[str, pl.Series], place: str) -> pl.DataFrame:
    users = graph.nodes("user")
    strange = [name for name in given if name not in users.columns[1:]]
    if strange:
        names = ", ".join(users.columns[1:]) or "none"
        raise RequestError(f"{place}: users of the graph have no attribute {strange[0]!r}; they have {names}")
    if not given and (node < 0).all():
        return users.clear(len(node))
    row = pl.Series(np.maximum(node, 0)).set(pl.Series(node < 0), None)
    known = pl.DataFrame([column.gather(row) if len(column) else column.clear(len(node)) for column in users])
    return known.with_columns(
        pl.coalesce(column.cast(known.schema[name], strict=False).alias(name), pl.col(name)).alias(name) for name, column in given.items()
    )
