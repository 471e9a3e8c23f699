"""Read a file of shoppers with their histories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnn_search.errors import TableError
from gnn_search.graph.csr import Int64
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.model.guests import Guests
from gnn_search.model.store import Model
from gnn_search.tables.columns import Column, Kind
from gnn_search.tables.scan import TableSource, column_names, read_columns
from gnn_search.vectors.inductive.histories import EVENT_KEYS, HistoryReader
from gnn_search.vectors.inductive.products import given_source
from gnn_search.vectors.inductive.visitors import describe_guests

_KINDS: dict[str, Kind] = {"product_id": "id", "timestamp": "time", "action": "text", "query": "text", "weight": "number"}


@dataclass(frozen=True)
class NewShoppers:
    """Shoppers of a file, one each id.

    Shapes:
        user_id: n rows. unknown, later: int64 [n], events left out, since their product is not in the graph, or since they are not before
        the moment. events: how many there are in all.
    """

    user_id: pl.Series
    guests: Guests
    unknown: Int64
    later: Int64
    events: int


def read_new_shoppers(model: Model, path: Path, as_of: int) -> NewShoppers:
    """Read shoppers with their pasts.

    Args:
        model: The model.
        path: Parquet, CSV or JSON lines. Either a row a shopper, with `user_id` and `history`, a list of product ids in the order of time
            (in CSV a text, the ids between commas); or a row an event, with `user_id`, `product_id` and where known `timestamp`, `action`,
            `query` and `weight`. Attributes of the graph's shoppers may stand in columns of their names; of a shopper whom the graph holds
            those that are not given are taken from there.
        as_of: The moment before which everything is known, µs.

    Raises:
        TableError: The file is absent, damaged or empty, or lacks a column.
        RequestError: An action or a timestamp can't be understood.
    """
    graph, source = model.graph, given_source("users", path)
    names = column_names(source)
    attributes = [name for name in graph.nodes("user").columns[1:] if name in names]
    nested = "history" in names
    if not nested and "product_id" not in names:
        raise TableError(f"{path} has neither a column 'history' nor 'product_id'; give a row a user with the former, or a row an event")
    past = [_history_column(source)] if nested else [Column(name, name, name, _KINDS[name]) for name in EVENT_KEYS if name in names]
    columns = [Column("user_id", "user_id", "user_id", "id"), *past, *(Column(name, name, name, "label") for name in attributes)]
    rows = read_columns(source, columns)
    if rows["user_id"].null_count():
        raise TableError(f"{path}: the user_id of row {rows['user_id'].is_null().arg_max()} (counted from 0) is null; give each row one")
    users = rows.group_by("user_id", maintain_order=True).agg(pl.col(name).drop_nulls().first() for name in attributes)
    guest = IdLookup(users["user_id"]).find(rows["user_id"])
    events = rows.with_columns(guest=pl.Series(guest))
    if nested:
        events = events.select("guest", product_id=_as_list(rows["history"])).explode("product_id")
    events = events.filter(pl.col("product_id").is_not_null())
    read = HistoryReader(graph, as_of).read(events, users.height, str(path))
    node = IdLookup(graph.nodes("user").to_series(0)).find(users["user_id"])
    described = describe_guests(graph, node, {name: users[name] for name in attributes}, str(path))
    guests = Guests.receive(graph, model.towers, described, read.events)
    return NewShoppers(users["user_id"], guests, read.unknown, read.later, events.height)


def _history_column(source: TableSource) -> Column:
    return Column("history", "history", "history", "ids" if source.typed else "text")


def _as_list(history: pl.Series) -> pl.Series:
    if history.dtype != pl.String:
        return history
    return history.str.split(",").list.eval(pl.element().str.strip_chars())
