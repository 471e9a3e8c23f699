"""Requests from Python: who asks what, with which past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int32, Int64
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import to_datetime
from gnn_search.model.guests import GuestEvents, Guests
from gnn_search.model.store import Model
from gnn_search.tables.text import normalise_query
from gnn_search.vectors.inductive.histories import History, HistoryReader, ReadHistories, tabulate_histories
from gnn_search.vectors.inductive.visitors import describe_guests


@dataclass(frozen=True)
class Request:
    """One search.

    Attributes:
        query: The text, in any case and spacing.
        user: The shop's id of a shopper; one that the graph does not hold is nobody.
        history: What the shopper did, in the order of time: product ids, or events. It takes the place of what the graph knows of this
            shopper, whose attributes stay; None leaves it to the graph.
        attributes: The shopper's attributes by name, in the place of the graph's.
        session: An id under which the vector of this query is kept for a while, whatever else happens in the session.
    """

    query: str
    user: str | int | None = None
    history: History | None = None
    attributes: Mapping[str, str | None] | None = None
    session: str | None = None


@dataclass(frozen=True)
class Visits:
    """Some requests as the channels read them.

    Shapes:
        text: String [n], normalised. user: int32 [n], the graph's shoppers, -1 for nobody; guest: int32 [n], places among guests, -1 for
        one who is none. unknown, later: int64 [n], events of the history that are left out. identity: what else than the query the
        vector hangs on, n.
    """

    text: pl.Series
    user: Int32
    guest: Int32
    guests: Guests | None
    unknown: Int64
    later: Int64
    identity: list[bytes]


class VisitReader:
    """Reads requests.

    Args:
        model: The model.
        as_of: The moment before which everything is known, µs.
    """

    def __init__(self, model: Model, as_of: int) -> None:
        self._model, self._as_of = model, as_of
        self._users, self._histories = IdLookup(model.graph.nodes("user").to_series(0)), HistoryReader(model.graph, as_of)

    def read(self, requests: Sequence[Request]) -> Visits:
        """Read some requests.

        Raises:
            RequestError: A query is blank, or a history or an attribute can't be read.
        """
        text = self._texts(requests)
        try:
            user = self._users.find_values([request.user for request in requests])
        except TypeError as error:
            raise RequestError(f"a user can't be looked up ({error}); give the shop's ids") from None
        for place, request in enumerate(requests):
            if request.attributes and request.history is None and user[place] >= 0:
                who = f"user {str(request.user)!r}, whom the graph knows"
                raise RequestError(f"request {place} (from 0) gives attributes for {who}; give the history too")
        # An empty history of nobody is no history: exactly the plain result.
        visiting = [
            place
            for place, request in enumerate(requests)
            if request.attributes or (request.history is not None and (len(request.history) or user[place] >= 0))
        ]
        identity = [b"user %d" % node for node in user]
        unknown, later = np.zeros(len(requests), np.int64), np.zeros(len(requests), np.int64)
        guest = np.full(len(requests), -1, dtype=np.int32)
        guests = None
        if visiting:
            rows = np.array(visiting)
            guest[rows] = np.arange(len(rows))
            guests, read, identities = self._receive([requests[place] for place in visiting], user[rows])
            unknown[rows], later[rows] = read.unknown, read.later
            for place, own in zip(visiting, identities, strict=True):
                identity[place] = own
            user[rows] = -1
        return Visits(text, user, guest, guests, unknown, later, identity)

    def notes(self, request: Request, visits: Visits, place: int) -> list[str]:
        """Return sentences on what of a request's shopper does not count."""
        told, events = [], 0 if request.history is None else len(request.history)
        if request.user is not None and visits.user[place] < 0 and visits.guest[place] < 0 and not events:
            told.append(f"there is no user {str(request.user)!r} in the graph {self._model.graph.path}, so the results are plain")
        if visits.unknown[place]:
            told.append(f"{visits.unknown[place]:,} of {events:,} events of the history are of products that are not in the graph")
        if visits.later[place]:
            told.append(
                f"{visits.later[place]:,} of {events:,} events of the history are not before "
                f"{to_datetime(self._as_of):%Y-%m-%d %H:%M} UTC, as of which is searched"
            )
        return told

    def _texts(self, requests: Sequence[Request]) -> pl.Series:
        queries: list[Any] = [request.query for request in requests]
        wrong = [query for query in queries if not isinstance(query, str)]
        if wrong:
            raise RequestError(f"a query is {wrong[0]!r}; give text")
        given = [request.query.encode("utf-8", "replace").decode("utf-8") for request in requests]
        text = pl.DataFrame({"query": pl.Series(given, dtype=pl.String)}).select(normalise_query(pl.col("query"))).to_series()
        blank = (text == "").arg_true()
        if len(blank):
            raise RequestError(f"the query {given[blank[0]]!r} (request {blank[0]}, from 0) is blank; give at least one word")
        return text

    def _receive(self, requests: Sequence[Request], node: Int32) -> tuple[Guests, ReadHistories, list[bytes]]:
        """Make guests of requests; also return what of their histories counts, and what tells each guest from others."""
        graph = self._model.graph
        histories: list[History] = [() if request.history is None else request.history for request in requests]
        read = self._histories.read(tabulate_histories(histories), len(requests), "the history")
        given = [request.attributes or {} for request in requests]
        attributes = {
            name: pl.Series(name, [None if values.get(name) is None else str(values[name]) for values in given], dtype=pl.String)
            for name in dict.fromkeys(name for values in given for name in values)
        }
        users = describe_guests(graph, node, attributes, "the request")
        return Guests.receive(graph, self._model.towers, users, read.events), read, _identities(users, read.events)


def _identities(users: pl.DataFrame, events: GuestEvents) -> list[bytes]:
    """Return what tells each guest from others: all events and attributes."""
    order = np.argsort(events.guest, kind="stable")
    bounds = np.searchsorted(events.guest[order], np.arange(users.height + 1))
    columns = [getattr(events, field.name)[order] for field in fields(events) if field.name != "guest"]
    traits = [repr(row).encode() for row in users.drop(users.columns[0]).iter_rows()] if users.width > 1 else [b""] * users.height
    return [
        b"guest" + trait + b"".join(column[start:end].tobytes() for column in columns)
        for trait, start, end in zip(traits, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]
