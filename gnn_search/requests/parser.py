"""Turn requests from Python, files and other programs into columns: one parser for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int32, Int64
from gnn_search.graph.id_lookup import IdLookup, as_id_type, id_series, is_text
from gnn_search.model.inductive_users import UserEvents
from gnn_search.requests.history import USER, HistoryReader, explode_histories, tabulate_histories
from gnn_search.requests.request import History, Request, RequestBatch
from gnn_search.requests.users import read_inductive_users
from gnn_search.tables.text import normalise_distinct, normalise_query
from gnn_search.trained.model import Model

Bool = npt.NDArray[np.bool_]


class RequestParser:
    """Finds the users, histories and attributes of requests in a model's graph.

    Args:
        model: The model.
        as_of: Everything before it is known, µs.
    """

    def __init__(self, model: Model, as_of: int) -> None:
        self._model, users = model, model.graph.nodes("user").to_series(0)
        self._id_type, self._users = users.dtype, IdLookup(users)
        self._histories = HistoryReader(model.graph, as_of)

    def parse(self, requests: Sequence[Request | Mapping[str, Any]]) -> RequestBatch:
        """Read requests that a program made.

        Raises:
            RequestError: A query is blank, a key is unknown, or a user, a history or an attribute can't be read.
        """
        stated = [request if isinstance(request, Request) else Request.from_mapping(request) for request in requests]
        query = _queries(stated)
        try:
            user_id = id_series("user_id", [request.user_id for request in stated])
        except TypeError as error:
            raise RequestError(f"a user can't be looked up ({error}); give the shop's ids") from None
        user = self._users.find(user_id)
        for place, request in enumerate(stated):
            if request.attributes and request.history is None and user[place] >= 0:
                who = f"user {str(request.user_id)!r}, whom the graph knows"
                raise RequestError(f"request {place} (from 0) gives attributes for {who}; give the history too")
        histories: list[History] = [() if request.history is None else request.history for request in stated]
        length = np.array([len(history) for history in histories], dtype=np.int64)
        given = np.array([request.history is not None for request in stated], dtype=np.bool_)
        described = np.array([bool(request.attributes) for request in stated], dtype=np.bool_)
        described |= _counts(given, length, user)
        events = tabulate_histories(histories) if described.any() else None
        text = query.to_frame().select(normalise_query(pl.col("query"))).to_series()
        _refuse_blank(text, query)
        table = pl.DataFrame([user_id, query])
        return self._batch(table, text, user, described, events, length, _attributes(stated, described), "the history", stated)

    def parse_table(self, table: pl.DataFrame, *, ids_fit: bool = True) -> RequestBatch:
        """Read a block of a file of requests, whose queries are not blank.

        Args:
            table: `query`, and where given `user_id` and `history`, as `RequestFile` yields them.
            ids_fit: Whether results repeat user ids in the graph's type instead of the file's.

        Raises:
            RequestError: A history can't be read.
        """
        query = table["query"].cast(pl.String)
        user_id = without_blank_ids(table["user_id"]) if "user_id" in table.columns else pl.Series("user_id", [None] * table.height)
        user = self._users.find(user_id)
        shown = as_id_type(user_id, self._id_type).alias("user_id") if ids_fit else user_id
        events, described, length = None, np.zeros(table.height, np.bool_), np.zeros(table.height, np.int64)
        if "history" in table.columns and table["history"].dtype != pl.Null:
            events, length = explode_histories(table["history"])
            described = _counts(table["history"].is_not_null().to_numpy(), length, user)
        given = pl.DataFrame([shown, query])
        return self._batch(given, normalise_distinct(query), user, described, events, length, {}, "the column 'history'", None)

    def _batch(
        self,
        given: pl.DataFrame,
        text: pl.Series,
        user: Int32,
        described: Bool,
        events: pl.DataFrame | None,
        length: Int64,
        attributes: Mapping[str, pl.Series],
        place: str,
        stated: Sequence[Request] | None,
    ) -> RequestBatch:
        """Describe the users who come with a history or attributes, and put all columns together."""
        count, rows = len(user), np.flatnonzero(described)
        unknown, later, inductive_user = np.zeros(count, np.int64), np.zeros(count, np.int64), np.full(count, -1, dtype=np.int32)
        users, keys = None, [b"user %d" % node for node in user] if stated is not None else None
        if len(rows):
            assert events is not None
            inductive_user[rows] = np.arange(len(rows))
            number = pl.Series(USER, inductive_user[events[USER].to_numpy()])
            read = self._histories.read(events.with_columns(number), len(rows), place)
            users, table = read_inductive_users(self._model, user[rows], attributes, read.events, "the request")
            unknown[rows], later[rows] = read.unknown, read.later
            user = np.where(described, -1, user).astype(np.int32)
            if keys is not None:
                for row, key in zip(rows.tolist(), _content(table, read.events), strict=True):
                    keys[row] = key
        sessions = None if stated is None or keys is None else list(zip(keys, [request.session for request in stated], strict=True))
        user_ids = None if stated is None else _mixed_ids(stated, given["user_id"])
        return RequestBatch(given, text, user, inductive_user, users, length, unknown, later, sessions, user_ids)


def without_blank_ids(given: pl.Series) -> pl.Series:
    """Return ids as read, an empty text being none."""
    if not is_text(given.dtype):
        return given
    written = given.cast(pl.String)
    return written.set(written == "", None)


def _counts(given: Bool, length: Int64, user: Int32) -> Bool:
    """Say which histories count: an empty one of a user whom the graph does not hold says nothing, so the result is exactly plain."""
    return given & ((length > 0) | (user >= 0))


def _queries(requests: Sequence[Request]) -> pl.Series:
    queries: list[Any] = [request.query for request in requests]
    wrong = [query for query in queries if not isinstance(query, str)]
    if wrong:
        raise RequestError(f"a query is {wrong[0]!r}; give text")
    # A lone surrogate, as from a broken command line argument, can stand in no table.
    return pl.Series("query", [request.query.encode("utf-8", "replace").decode("utf-8") for request in requests], dtype=pl.String)


def _mixed_ids(requests: Sequence[Request], column: pl.Series) -> list[str | int | None] | None:
    """Return user ids of which some were integers before a column of text took them; None where the column holds all as given."""
    if not is_text(column.dtype):
        return None
    given = [request.user_id for request in requests]
    return [int(one) if isinstance(one, int | np.integer) else text for one, text in zip(given, column.to_list(), strict=True)]


def _refuse_blank(text: pl.Series, query: pl.Series) -> None:
    blank = (text == "").arg_true()
    if len(blank):
        which = f" (request {blank[0]}, from 0)" if len(query) > 1 else ""
        raise RequestError(f"the query {query[blank[0]]!r}{which} is blank; give at least one word")


def _attributes(requests: Sequence[Request], described: Bool) -> dict[str, pl.Series]:
    """Return the attributes of the described users by name, a row a user."""
    given = [request.attributes or {} for request, one in zip(requests, described.tolist(), strict=True) if one]
    return {
        name: pl.Series(name, [None if values.get(name) is None else str(values[name]) for values in given], dtype=pl.String)
        for name in dict.fromkeys(name for values in given for name in values)
    }


def _content(users: pl.DataFrame, events: UserEvents) -> list[bytes]:
    """Return for each described user all that tells one from another: events and attributes."""
    order = np.argsort(events.user, kind="stable")
    bounds = np.searchsorted(events.user[order], np.arange(users.height + 1))
    columns = [getattr(events, field.name)[order] for field in fields(events) if field.name != "user"]
    traits = [repr(row).encode() for row in users.drop(users.columns[0]).iter_rows()] if users.width > 1 else [b""] * users.height
    return [
        b"described" + trait + b"".join(column[start:end].tobytes() for column in columns)
        for trait, start, end in zip(traits, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]
