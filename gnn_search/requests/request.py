"""One search, and many of them as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

import polars as pl

from gnn_search.arrays import Int32, Int64
from gnn_search.errors import RequestError
from gnn_search.model.inductive_users import InductiveUsers

RequestHistory = Sequence[str | int] | Sequence[Mapping[str, object]]
"""A user's past in the order of time: product ids, or events with the keys of `EVENT_KEYS`, of which only `product_id` is needed."""

EVENT_KEYS = ("product_id", "timestamp", "action", "query", "weight")


@dataclass(frozen=True)
class Request:
    """One search.

    Attributes:
        query: The text, in any case and spacing.
        user_id: The shop's id of the user; one that the graph does not hold gets the plain result.
        history: What the user did, in the order of time: product ids, or events. It replaces what the graph knows of this user, whose
            attributes stay; None leaves it to the graph.
        attributes: The user's attributes by name, in the place of the graph's.
        session: An id under which the vector of this query is kept for a while, whatever else happens in the session.
    """

    query: str
    user_id: str | int | None = None
    history: RequestHistory | None = None
    attributes: Mapping[str, str | None] | None = None
    session: str | None = None

    @classmethod
    def from_mapping(cls, stated: Mapping[str, Any]) -> Request:
        """Read a request from named values, such as a JSON object.

        Raises:
            RequestError: A name is unknown, or there is no query.
        """
        known = [field.name for field in fields(cls)]
        for name in stated:
            if name not in known:
                near = get_close_matches(str(name), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else "leave it out."
                raise RequestError(f"a request has no key {name!r}; {hint} Known keys: {', '.join(known)}")
        if "query" not in stated:
            raise RequestError("a request has no query; give its text under the key 'query'")
        return cls(**stated)


@dataclass(frozen=True, eq=False)
class RequestBatch:
    """Requests as columns, in the order in which they were given.

    Shapes:
        - given: n rows of `user_id` and `query`, as results repeat them
        - text: String [n], normalised, none of them empty
        - user: int32 [n], the graph's users, -1 for nobody and for a user whom the request itself describes
        - inductive_user: int32 [n], rows of `inductive_users`, -1 for a user who is not described
        - history_events: int64 [n], events of the history that was given
        - unknown_events, later_events: int64 [n], those left out: their product is not in the graph; they are not before `as_of`

    Attributes:
        inductive_users: The users whom requests describe by a history or attributes; None where there is none.
        user_ids: The users of a program's requests, integers and text mixed: as the graph writes those that it holds, else as given; None
            where `given` holds them as they are.
        cache_keys: For each request all but its text that its vector depends on, and its session; None where vectors are not cached.
    """

    given: pl.DataFrame
    text: pl.Series
    user: Int32
    inductive_user: Int32
    inductive_users: InductiveUsers | None
    history_events: Int64
    unknown_events: Int64
    later_events: Int64
    cache_keys: Sequence[tuple[bytes, str | None]] | None = None
    user_ids: Sequence[str | int | None] | None = None

    def __len__(self) -> int:
        return len(self.user)
