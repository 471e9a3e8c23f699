"""Read what shoppers did before, as a request or a file tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.config.recipe import Recipe
from gnn_search.errors import RequestError
from gnn_search.graph.csr import Float32, Int32, Int64
from gnn_search.graph.id_lookup import IdLookup, id_series
from gnn_search.graph.store import Graph
from gnn_search.model.guests import GuestEvents
from gnn_search.tables.text import normalise_distinct
from gnn_search.tables.times import to_microseconds

History = Sequence[str | int] | Sequence[Mapping[str, object]]
"""A shopper's past in the order of time: product ids, or events with the keys of `EVENT_KEYS`, of which `product_id` is needed."""

EVENT_KEYS = ("product_id", "timestamp", "action", "query", "weight")
_GUEST = "guest"
_SECOND = 1_000_000
"""µs."""


@dataclass(frozen=True)
class ReadHistories:
    """Histories as the towers read them.

    Shapes:
        events: what the guests did with products of the catalogue, before the moment; unknown, later: int64 [guests], how many events are
        left out, since their product is not in the catalogue, or since they are not before the moment.
    """

    events: GuestEvents
    unknown: Int64
    later: Int64


class HistoryReader:
    """Finds the products, actions and queries of histories in a graph.

    An event without a timestamp counts as just before the moment, a second after the one before it in the history. So do all where the
    graph's own timestamps keep order alone (`clock: order`): what is given is then an order too.

    Args:
        graph: The graph.
        as_of: The moment, µs.
    """

    def __init__(self, graph: Graph, as_of: int) -> None:
        self._as_of = as_of
        self._actions = pl.Series(graph.manifest.actions)
        stated = Recipe.model_validate(graph.manifest.recipe).tables.events
        usual = stated.default_action
        self._default = usual if usual in graph.positive_actions else graph.positive_actions[0]
        self._order_alone = stated.clock == "order"
        self._products, self._queries = IdLookup(graph.nodes("product").to_series(0)), IdLookup(graph.nodes("query")["query"])
        self._action_numbers, self._default_number = IdLookup(self._actions), graph.manifest.actions.index(self._default)

    def read(self, events: pl.DataFrame, guests: int, place: str) -> ReadHistories:
        """Read a table of events.

        Args:
            events: `guest`, from 0, and the columns of `EVENT_KEYS`, all but `product_id` optional; in the order of time where there are no
                timestamps.
            guests: How many there are.
            place: Where the events stand, for messages.

        Raises:
            RequestError: A timestamp is not understood, an action is none of the graph's, or a weight is no number of 0 or more.
        """
        guest, product = events[_GUEST].cast(pl.Int32).to_numpy(), self._products.find(events["product_id"])
        time = self._times(events, place)
        if self._order_alone:
            order = np.argsort(np.where(time.null, np.iinfo(np.int64).max, time.value), kind="stable")
            events, guest, product = events[order], guest[order], product[order]
            moment = _before(guest, self._as_of)
        else:
            moment = time.value.copy()
            moment[time.null] = _before(guest[time.null], self._as_of)
        known, past = product >= 0, moment < self._as_of
        kept = known & past
        read = GuestEvents(
            guest=guest[kept],
            product=product[kept],
            action=self._find_actions(events, place)[kept],
            query=self._find_queries(events)[kept],
            time=moment[kept],
            weight=_weights(events, place)[kept],
        )
        unknown, later = (np.bincount(guest[left_out], minlength=guests) for left_out in (~known, known & ~past))
        return ReadHistories(read, unknown, later)

    def _times(self, events: pl.DataFrame, place: str) -> _Times:
        if "timestamp" not in events.columns or events["timestamp"].dtype == pl.Null:
            return _Times(np.zeros(events.height, np.int64), np.ones(events.height, np.bool_))
        given = events["timestamp"]
        if isinstance(given.dtype, pl.Datetime) and given.dtype.time_zone is not None:
            given = given.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        if not (given.dtype == pl.String or given.dtype.is_temporal() or given.dtype.is_integer()):
            raise RequestError(f"the timestamps of {place} are {given.dtype}; give moments, ISO 8601 text, or integers since 1970")
        time = to_microseconds(given)
        lost = (time.is_null() & given.is_not_null()).arg_true()
        if len(lost):
            raise RequestError(f"the timestamp {given[lost[0]]!r} of {place} is not understood; give ISO 8601 such as 2017-11-20T18:00")
        return _Times(time.fill_null(0).to_numpy(), time.is_null().to_numpy())

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


@dataclass(frozen=True)
class _Times:
    value: Int64
    null: np.ndarray[tuple[int], np.dtype[np.bool_]]


def tabulate_histories(histories: Sequence[History]) -> pl.DataFrame:
    """Write histories out as a table for `HistoryReader.read`, the guest being the place in the sequence.

    Raises:
        RequestError: A history is neither a list of ids nor one of events, or an event has an unknown key or no product.
    """
    guest = np.repeat(np.arange(len(histories), dtype=np.int32), [len(history) for history in histories])
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
    return pl.DataFrame([pl.Series(_GUEST, guest), ids, *further])


def _before(guest: Int32, as_of: int) -> Int64:
    """Return moments a second apart for each guest's events, the last one a second before the moment."""
    order = np.argsort(guest, kind="stable")
    size = np.bincount(guest)
    place = np.empty(len(guest), dtype=np.int64)
    place[order] = np.arange(len(guest)) - (np.cumsum(size) - size)[guest[order]]
    return as_of - (size[guest] - place) * _SECOND


def _weights(events: pl.DataFrame, place: str) -> Float32:
    if "weight" not in events.columns:
        return np.ones(events.height, dtype=np.float32)
    weight = events["weight"].cast(pl.Float64, strict=False).to_numpy()
    given = events["weight"].is_not_null().to_numpy()
    if not (np.isfinite(weight[given]) & (weight[given] >= 0)).all():
        raise RequestError(f"a weight of {place} is no number of 0 or more; correct it, or leave it out")
    return np.where(given, weight, 1.0).astype(np.float32)
