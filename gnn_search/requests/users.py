"""Users whom requests or files describe, by a history or attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.arrays import Int32, Int64
from gnn_search.errors import RequestError, TableError
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph
from gnn_search.model.inductive_users import InductiveUsers, UserEvents
from gnn_search.requests.history import USER, HistoryReader
from gnn_search.requests.request import EVENT_KEYS
from gnn_search.tables.columns import Column, ColumnKind
from gnn_search.tables.scan import column_names, find_given_source, read_columns
from gnn_search.trained.model import Model

_KINDS: dict[str, ColumnKind] = {"product_id": "id", "timestamp": "time", "action": "text", "query": "text", "weight": "number"}


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


@dataclass(frozen=True)
class UserFile:
    """The users of a file, one for each id.

    Shapes:
        - user_id: n rows
        - unknown, later: int64 [n], events left out: their product is not in the graph; they are not before `as_of`

    Attributes:
        events: How many events there are in all.
    """

    user_id: pl.Series
    users: InductiveUsers
    unknown: Int64
    later: Int64
    events: int


def read_user_file(model: Model, path: Path, as_of: int) -> UserFile:
    """Read users with their pasts.

    Args:
        model: The model.
        path: Parquet, CSV or JSON lines. Either a row a user, with `user_id` and `history`, a list of product ids in the order of time
            (in CSV a text, the ids between commas); or a row an event, with `user_id`, `product_id` and where known `timestamp`, `action`,
            `query` and `weight`. Attributes of users may stand in columns of their names; those that are not given of a user whom the graph
            holds are taken from there.
        as_of: Everything before it is known, µs.

    Raises:
        TableError: The file is absent, damaged or empty, or lacks a column.
        RequestError: An action or a timestamp can't be understood.
    """
    graph, source = model.graph, find_given_source("users", path)
    names = column_names(source)
    attributes = [name for name in graph.nodes("user").columns[1:] if name in names]
    nested = "history" in names
    if not nested and "product_id" not in names:
        raise TableError(f"{path} has neither a column 'history' nor 'product_id'; give a row a user with the former, or a row an event")
    history = Column("history", "history", "history", "ids" if source.typed else "text")
    past = [history] if nested else [Column(name, name, name, _KINDS[name]) for name in EVENT_KEYS if name in names]
    columns = [Column("user_id", "user_id", "user_id", "id"), *past, *(Column(name, name, name, "label") for name in attributes)]
    rows = read_columns(source, columns)
    if rows["user_id"].null_count():
        raise TableError(f"{path}: the user_id of row {rows['user_id'].is_null().arg_max()} (counted from 0) is null; give each row one")
    users = rows.group_by("user_id", maintain_order=True).agg(pl.col(name).drop_nulls().first() for name in attributes)
    events = rows.with_columns(pl.Series(USER, IdLookup(users["user_id"]).find(rows["user_id"])))
    if nested:
        events = events.select(USER, product_id=_as_list(rows["history"])).explode("product_id")
    events = events.filter(pl.col("product_id").is_not_null())
    read = HistoryReader(graph, as_of).read(events, users.height, str(path))
    node = IdLookup(graph.nodes("user").to_series(0)).find(users["user_id"])
    described, _ = read_inductive_users(model, node, {name: users[name] for name in attributes}, read.events, str(path))
    return UserFile(users["user_id"], described, read.unknown, read.later, events.height)


def _as_list(history: pl.Series) -> pl.Series:
    if history.dtype != pl.String:
        return history
    return history.str.split(",").list.eval(pl.element().str.strip_chars())
