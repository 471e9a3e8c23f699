"""Read what users did before, as requests or files tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Float32, Int32, Int64
from gnn_search.config.recipe import Recipe
from gnn_search.errors import RequestError, TableError
from gnn_search.graph.id_lookup import IdLookup, id_series
from gnn_search.graph.store import Graph
from gnn_search.model.inductive_users import UserEvents
from gnn_search.requests.request import EVENT_KEYS, RequestHistory
from gnn_search.tables.columns import to_microseconds
from gnn_search.tables.text import normalise_distinct

USER = "user"
"""Column of a table of events that numbers their users from 0."""
_SECOND = 1_000_000
"""µs."""


@dataclass(frozen=True)
class ReadHistories:
    """Histories as the towers read them.

    Attributes:
        events: What the users did with products of the catalogue before `as_of`.

    Shapes:
        - unknown, later: int64 [users], events left out: their product is not in the catalogue; they are not before `as_of`
    """

    events: UserEvents
    unknown: Int64
    later: Int64


class HistoryReader:
    """Finds the products, actions and queries of histories in a graph; everything before `as_of` (µs) is known.

    An event without a timestamp is dated just before `as_of`, a second after the event before it. So are all events where the graph's own
    timestamps only keep order (`clock: order`): what is given is then taken as an order too.
    """

    def __init__(self, graph: Graph, as_of: int) -> None:
        self._as_of = as_of
        self._actions = pl.Series(graph.manifest.actions)
        stated = Recipe.model_validate(graph.manifest.recipe).tables
        usual = stated.default_action
        self._default = usual if usual in graph.positive_actions else graph.positive_actions[0]
        self._order_alone = stated.clock == "order"
        self._products, self._queries = IdLookup(graph.nodes("product").to_series(0)), IdLookup(graph.nodes("query")["query"])
        self._action_numbers, self._default_number = IdLookup(self._actions), graph.manifest.actions.index(self._default)

    def read(self, events: pl.DataFrame, num_users: int, place: str) -> ReadHistories:
        """Read a table of events.

        Args:
            events: `user`, from 0, and the columns of `EVENT_KEYS`, all but `product_id` optional; in the order of time where there are no
                timestamps.
            num_users: How many there are.
            place: Where the events stand, for messages.

        Raises:
            RequestError: A timestamp is not understood, an action is none of the graph's, or a weight is no number of 0 or more.
        """
        user, product = events[USER].cast(pl.Int32).to_numpy(), self._products.find(events["product_id"])
        time, undated = _times(events, place)
        if self._order_alone:
            order = np.argsort(np.where(undated, np.iinfo(np.int64).max, time), kind="stable")
            events, user, product = events[order], user[order], product[order]
            when = _before(user, self._as_of)
        else:
            when = time.copy()
            when[undated] = _before(user[undated], self._as_of)
        known, past = product >= 0, when < self._as_of
        kept = known & past
        read = UserEvents(
            user=user[kept],
            product=product[kept],
            action=self._find_actions(events, place)[kept],
            query=self._find_queries(events)[kept],
            time=when[kept],
            weight=_weights(events, place)[kept],
        )
        unknown, later = (np.bincount(user[left_out], minlength=num_users) for left_out in (~known, known & ~past))
        return ReadHistories(read, unknown, later)

    def _find_actions(self, events: pl.DataFrame, place: str) -> Int32:
        if "action" not in events.columns:
            return np.full(events.height, self._default_number, dtype=np.int32)
        given = events["action"].cast(pl.String).fill_null(self._default)
        number = self._action_numbers.find(given)
        if (number < 0).any():
            wrong = given[int(np.argmax(number < 0))]
            raise RequestError(f"{place}: there is no action {wrong!r} in the graph; give one of {', '.join(self._actions)}")
        return number

    def _find_queries(self, events: pl.DataFrame) -> Int32:
        if "query" not in events.columns or events["query"].dtype == pl.Null:
            return np.full(events.height, -1, dtype=np.int32)
        return self._queries.find(normalise_distinct(events["query"].cast(pl.String)))


def tabulate_histories(histories: Sequence[RequestHistory]) -> pl.DataFrame:
    """Write histories out as a table for `HistoryReader.read`; a user is the place in the sequence.

    Raises:
        RequestError: A history is neither a list of ids nor one of events, or an event has an unknown key or no product.
    """
    user = np.repeat(np.arange(len(histories), dtype=np.int32), [len(history) for history in histories])
    for history in histories:
        if isinstance(history, str):
            raise RequestError(f"the history {history!r} is a text; give a list of product ids, or of events")
    # A loop over what callers wrote by hand; everything after it works on columns.
    items = [item for history in histories for item in history]
    events = [item for item in items if isinstance(item, Mapping)]
    for event in events:
        strange = [key for key in event if key not in EVENT_KEYS]
        if strange or "product_id" not in event:
            fault = f"has the key {strange[0]!r}" if strange else "has no product_id"
            raise RequestError(f"an event of a history {fault}; give product_id and, where known, {', '.join(EVENT_KEYS[1:])}")
    keys = [key for key in EVENT_KEYS if key == "product_id" or any(key in event for event in events)]
    columns: dict[str, list[object]] = {key: [item.get(key) if isinstance(item, Mapping) else None for item in items] for key in keys}
    columns["product_id"] = [item["product_id"] if isinstance(item, Mapping) else item for item in items]
    try:
        ids = id_series("product_id", columns.pop("product_id"))  # type: ignore[arg-type]
        further = [pl.Series(name, values) for name, values in columns.items()]
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise RequestError(f"a history can't be read ({' '.join(str(error).split())}); give product ids, or events of one kind") from None
    return pl.DataFrame([pl.Series(USER, user), ids, *further])


def explode_histories(history: pl.Series) -> tuple[pl.DataFrame, Int64]:
    """Return a column of histories as a table for `HistoryReader.read`, a user being the row, and the number of events of each row.

    Shapes:
        - history: List [n]
        - returns: int64 [n]
    """
    length = history.list.len().fill_null(0).to_numpy().astype(np.int64)
    user = pl.Series(USER, np.repeat(np.arange(len(history), dtype=np.int32), length))
    given = history.filter(pl.Series(length > 0)).explode()
    events = given.struct.unnest() if isinstance(given.dtype, pl.Struct) else given.alias("product_id").to_frame()
    return events.with_columns(user), length


def check_history_type(dtype: pl.DataType, place: str) -> None:
    """Refuse a column `history` that holds neither lists of ids nor lists of events.

    Raises:
        TableError: It holds neither.
    """
    inner = dtype.inner if isinstance(dtype, pl.List) else None
    if isinstance(inner, pl.Struct):
        keys = [field.name for field in inner.fields]
        strange = [key for key in keys if key not in EVENT_KEYS]
        if strange or "product_id" not in keys:
            fault = f"have the key '{strange[0]}'" if strange else "have no product_id"
            known = ", ".join(EVENT_KEYS[1:])
            raise TableError(f"the events of column 'history' of {place} {fault}; give product_id and, where known, {known}")
    elif not (inner is not None and (inner == pl.String or inner.is_integer() or inner == pl.Null)):
        raise TableError(
            f"column 'history' of {place}: expected lists of product ids or of events, got {dtype}; write them as lists, in parquet or "
            "JSON lines"
        )


def _times(events: pl.DataFrame, place: str) -> tuple[Int64, Bool]:
    """Return when each event was (µs), and which have no time."""
    if "timestamp" not in events.columns or events["timestamp"].dtype == pl.Null:
        return np.zeros(events.height, np.int64), np.ones(events.height, np.bool_)
    given = events["timestamp"]
    if isinstance(given.dtype, pl.Datetime) and given.dtype.time_zone is not None:
        given = given.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if not (given.dtype == pl.String or given.dtype.is_temporal() or given.dtype.is_integer()):
        raise RequestError(f"the timestamps of {place} are {given.dtype}; give dates and times, ISO 8601 text, or integers since 1970")
    time = to_microseconds(given)
    lost = (time.is_null() & given.is_not_null()).arg_true()
    if len(lost):
        raise RequestError(f"the timestamp {given[lost[0]]!r} of {place} is not understood; give ISO 8601 such as 2017-11-20T18:00")
    return time.fill_null(0).to_numpy(), time.is_null().to_numpy()


def _before(user: Int32, as_of: int) -> Int64:
    """Date each user's events a second apart, the last one a second before `as_of`."""
    order = np.argsort(user, kind="stable")
    size = np.bincount(user)
    place = np.empty(len(user), dtype=np.int64)
    place[order] = np.arange(len(user)) - (np.cumsum(size) - size)[user[order]]
    return as_of - (size[user] - place) * _SECOND


def _weights(events: pl.DataFrame, place: str) -> Float32:
    if "weight" not in events.columns:
        return np.ones(events.height, dtype=np.float32)
    weight = events["weight"].cast(pl.Float64, strict=False).to_numpy()
    given = events["weight"].is_not_null().to_numpy()
    if not (np.isfinite(weight[given]) & (weight[given] >= 0)).all():
        raise RequestError(f"a weight of {place} is no number of 0 or more; correct it, or leave it out")
    return np.where(given, weight, 1.0).astype(np.float32)
