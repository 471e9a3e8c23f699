"""The column `history` of a file of requests: what shoppers did, in the place of what the graph knows of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.graph.csr import Int64
from gnn_search.model.guests import Guests
from gnn_search.model.store import Model
from gnn_search.retrieval.requests import Requests, history_events
from gnn_search.vectors.inductive.histories import HistoryReader, ReadHistories
from gnn_search.vectors.inductive.visitors import describe_guests

_PLACE = "the column 'history'"


@dataclass(frozen=True)
class Visiting:
    """The requests of a block whose shopper is known by a history that is given.

    Attributes:
        row: Which requests, int64 [guests], ascending.
        guests: Their shoppers.
        read: What of the histories counts.
    """

    row: Int64
    guests: Guests
    read: ReadHistories


class RequestHistories:
    """Reads the histories of blocks of requests.

    Args:
        model: The model.
        as_of: The moment before which everything is known, µs.
    """

    def __init__(self, model: Model, as_of: int) -> None:
        self._model, self._reader = model, HistoryReader(model.graph, as_of)

    def read(self, requests: Requests) -> Visiting | None:
        """Read a block's histories; None where there is none.

        An empty history of a shopper whom the graph knows takes the place of what it knows; that of anybody else says nothing.

        Raises:
            RequestError: An event of a history can't be read.
        """
        if requests.history is None:
            return None
        events, length = history_events(requests.history)
        row = np.flatnonzero(requests.history.is_not_null().to_numpy() & ((length > 0) | (requests.user >= 0)))
        if not len(row):
            return None
        # Guests are numbered by their place among the rows that have a history.
        number = np.cumsum(np.isin(np.arange(len(requests)), row)) - 1
        guest = pl.Series("guest", number[events["guest"].to_numpy()], dtype=pl.Int32)
        read = self._reader.read(events.with_columns(guest), len(row), _PLACE)
        users = describe_guests(self._model.graph, requests.user[row], {}, _PLACE)
        return Visiting(row, Guests.receive(self._model.graph, self._model.towers, users, read.events), read)
