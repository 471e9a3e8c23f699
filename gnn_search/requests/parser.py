"""Turn requests from Python, files and other programs into columns: one parser for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Int32, Int64
from gnn_search.errors import RequestError
from gnn_search.graph.id_lookup import IdLookup, id_series
from gnn_search.model.inductive_users import UserEvents
from gnn_search.requests.history import USER, HistoryReader, explode_histories, tabulate_histories
from gnn_search.requests.request import Request, RequestBatch, RequestHistory
from gnn_search.requests.users import read_inductive_users
from gnn_search.tables.text import normalise_distinct, normalise_query
from gnn_search.trained.model import Model

# Made once: to make the expression takes longer than to normalise one query.
_NORMALISED = normalise_query(pl.col("query"))


class RequestParser:
    """Finds the users, histories and attributes of requests in a model's graph."""

    def __init__(self, model: Model, as_of: int) -> None:
        self._model, users = model, model.graph.nodes("user").to_series(0)
        self._users, self._ids = IdLookup(users), users
        self._histories = HistoryReader(model.graph, as_of)

    def parse(self, requests: Sequence[Request | Mapping[str, Any]]) -> RequestBatch:
        """Read requests that a program made.

        Raises:
            RequestError: This is no list of requests, a query is blank, a key is unknown, or a user, a history or an attribute can't be
                read.
        """
        # Programs without types get here, so nothing is taken for granted.
        given: Any = requests
        listed = isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping)
        items: list[Any] = list(given) if listed else [given]
        if faulty := [one for one in items if not (listed and isinstance(one, Request | Mapping))]:
            example = '[Request("frozen pizza")] or [{"query": "frozen pizza"}]'
            raise RequestError(
                f"give a list of requests, each a Request or a mapping with the key 'query', such as {example}; got {faulty[0]!r}"
            )
        stated = [one if isinstance(one, Request) else Request.from_mapping(one) for one in items]
        queries: list[Any] = [request.query for request in stated]
        wrong = [one for one in queries if not isinstance(one, str)]
        if wrong:
            raise RequestError(f"a query is {wrong[0]!r}; give text")
        # A lone surrogate, as from a broken command line argument, can stand in no table.
        query = pl.Series("query", [one.encode("utf-8", "replace").decode("utf-8") for one in queries], dtype=pl.String)
        text = query.to_frame().select(_NORMALISED).to_series()
        if (text == "").any():
            first = int((text == "").arg_max() or 0)
            which = f" (request {first}, from 0)" if len(query) > 1 else ""
            raise RequestError(f"the query {query[first]!r}{which} is blank; give at least one word")
        try:
            user_id = id_series("user_id", [request.user_id for request in stated])
        except TypeError as error:
            raise RequestError(f"a user can't be looked up ({error}); give the shop's ids") from None
        user = self._users.find(user_id)
        for place, request in enumerate(stated):
            if request.attributes and request.history is None and user[place] >= 0:
                who = f"user {str(request.user_id)!r}, whom the graph knows"
                raise RequestError(f"request {place} (from 0) gives attributes for {who}; give the history too")
        histories: list[RequestHistory] = [() if request.history is None else request.history for request in stated]
        length = np.array([len(history) for history in histories], dtype=np.int64)
        # An empty history of a user whom the graph does not hold says nothing, so the result is exactly plain.
        described = np.array([request.history is not None for request in stated], dtype=np.bool_) & ((length > 0) | (user >= 0))
        described |= np.array([bool(request.attributes) for request in stated], dtype=np.bool_)
        keys = [(b"user %d" % node, request.session) for node, request in zip(user, stated, strict=True)]
        # Ids as the graph writes those that it holds, and plain values, no numpy integers.
        named: list[Any] = [request.user_id for request in stated]
        plain = [int(one) if isinstance(one, np.integer) else one for one in named]
        ids = [self._ids[node] if node >= 0 else one for one, node in zip(plain, user.tolist(), strict=True)]
        batch = _nobody_described(pl.DataFrame([user_id, query]), text, user, length, keys, ids)
        if not described.any():
            return batch
        return self._describe(batch, described, tabulate_histories(histories), _attributes(stated, described), "the history")

    def parse_table(self, table: pl.DataFrame, *, ids_fit: bool = True) -> RequestBatch:
        """Read a block of a file of requests, whose queries are not blank.

        Args:
            table: `query`, and where given `user_id` and `history`, as `RequestFile` yields them.
            ids_fit: Whether results repeat user ids in the graph's type instead of the file's.

        Raises:
            RequestError: A history can't be read.
        """
        query = table["query"].cast(pl.String)
        found = self._users.find_column(table["user_id"] if "user_id" in table.columns else pl.Series("user_id", [None] * table.height))
        given, text = pl.DataFrame([found.stored if ids_fit else found.given, query]), normalise_distinct(query)
        if "history" not in table.columns or table["history"].dtype == pl.Null:
            return _nobody_described(given, text, found.node, np.zeros(table.height, np.int64))
        events, length = explode_histories(table["history"])
        batch = _nobody_described(given, text, found.node, length)
        described = table["history"].is_not_null().to_numpy() & ((length > 0) | (found.node >= 0))
        return self._describe(batch, described, events, {}, "the column 'history'") if described.any() else batch

    def _describe(
        self, batch: RequestBatch, described: Bool, events: pl.DataFrame, attributes: Mapping[str, pl.Series], place: str
    ) -> RequestBatch:
        """Add the users who come with a history or attributes to a batch."""
        rows = np.flatnonzero(described)
        number, unknown, later = batch.inductive_user.copy(), batch.unknown_events.copy(), batch.later_events.copy()
        number[rows] = np.arange(len(rows))
        read = self._histories.read(events.with_columns(pl.Series(USER, number[events[USER].to_numpy()])), len(rows), place)
        users, table = read_inductive_users(self._model, batch.user[rows], attributes, read.events, "the request")
        unknown[rows], later[rows] = read.unknown, read.later
        keys = batch.cache_keys
        if keys is not None:
            contents = dict(zip(rows.tolist(), _contents(table, read.events), strict=True))
            keys = [(contents.get(row, content), session) for row, (content, session) in enumerate(keys)]
        return replace(
            batch,
            user=np.where(described, -1, batch.user).astype(np.int32),
            inductive_user=number,
            inductive_users=users,
            unknown_events=unknown,
            later_events=later,
            cache_keys=keys,
        )


def _nobody_described(
    given: pl.DataFrame,
    text: pl.Series,
    user: Int32,
    length: Int64,
    cache_keys: Sequence[tuple[bytes, str | None]] | None = None,
    user_ids: Sequence[str | int | None] | None = None,
) -> RequestBatch:
    """Return requests whose users are all the graph's, or nobody."""
    nobody, none = np.full(len(user), -1, dtype=np.int32), np.zeros(len(user), dtype=np.int64)
    return RequestBatch(given, text, user, nobody, None, length, none, none, cache_keys, user_ids)


def _attributes(requests: Sequence[Request], described: Bool) -> dict[str, pl.Series]:
    """Return the attributes of the described users by name, a row a user."""
    given = [request.attributes or {} for request, one in zip(requests, described.tolist(), strict=True) if one]
    return {
        name: pl.Series(name, [None if values.get(name) is None else str(values[name]) for values in given], dtype=pl.String)
        for name in dict.fromkeys(name for values in given for name in values)
    }


def _contents(users: pl.DataFrame, events: UserEvents) -> list[bytes]:
    """Return for each described user all that tells one from another: events and attributes."""
    order = np.argsort(events.user, kind="stable")
    bounds = np.searchsorted(events.user[order], np.arange(users.height + 1))
    columns = [getattr(events, field.name)[order] for field in fields(events) if field.name != "user"]
    traits = [repr(row).encode() for row in users.drop(users.columns[0]).iter_rows()] if users.width > 1 else [b""] * users.height
    return [
        b"described" + trait + b"".join(column[start:end].tobytes() for column in columns)
        for trait, start, end in zip(traits, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]
