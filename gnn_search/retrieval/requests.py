"""Read requests block by block, and find their shoppers in the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.errors import RequestError, TableError
from gnn_search.graph.csr import Int32, Int64
from gnn_search.graph.id_lookup import as_id_type, can_be_ids, is_text
from gnn_search.graph.store import Graph
from gnn_search.tables.formats import TableFile
from gnn_search.tables.text import normalise_distinct
from gnn_search.vectors.inductive.histories import EVENT_KEYS, HistoryReader

_USER, _QUERY, _HISTORY = "user_id", "query", "history"
_CHECKED = 1 << 16
"""Rows that are checked at a time."""


@dataclass(frozen=True, eq=False)
class Requests:
    """Some requests, in the order of the file.

    Attributes:
        given: `user_id` and `query`, as results repeat them. `user_id` has the type of the graph's ids, or the file's where the graph's
            can't hold every id of the file.
        user: Node of each shopper, -1 for none and for one that the graph does not hold.
        text: The normalised queries, none of them empty.
        history: What each shopper did, a list of product ids or of events, null where nothing is given; None where the file has no such
            column.

    Shapes:
        given: n rows; user: int32 [n]; text: String [n]; history: List [n].
    """

    given: pl.DataFrame
    user: Int32
    text: pl.Series
    history: pl.Series | None = None

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Checked:
    """What a look through a whole file of requests found.

    Attributes:
        requests: Its rows.
        ids_fit: Whether the graph's type of ids can hold every `user_id` of the file.
    """

    requests: int
    ids_fit: bool


class RequestFile:
    """A file of requests of any length: looked through once, so that a fault is told before the work, then read in blocks.

    Args:
        path: Parquet, CSV or JSON lines, by suffix. Column `query`; `user_id` and `history` may be absent or null; others are passed
            over.
        graph: The graph.

    Raises:
        TableError: The file is absent, damaged or blank, lacks the column `query`, or a column has a wrong type.
    """

    def __init__(self, path: Path, graph: Graph) -> None:
        self._path, self._graph = path, graph
        self._file = TableFile.open(path, "requests")
        schema = self._file.schema
        if _QUERY not in schema:
            raise TableError(f"{path} lacks the column '{_QUERY}'; give each request one, and '{_USER}' where a shopper asks")
        if not (is_text(schema[_QUERY]) or schema[_QUERY] == pl.Null):
            raise TableError(f"column '{_QUERY}' of {path}: expected text, got {schema[_QUERY]}; write the queries as text")
        if _USER in schema:
            _check_ids(_USER, schema[_USER], str(path))
        self._histories = _HISTORY in schema and schema[_HISTORY] != pl.Null
        if self._histories:
            _check_history(schema[_HISTORY], str(path))
        self._columns = (_USER, _QUERY, _HISTORY) if self._histories else (_USER, _QUERY)

    def check(self, progress: Callable[[int], None] = lambda done: None) -> Checked:
        """Look through the whole file.

        Args:
            progress: Told the rows looked at.

        Raises:
            TableError: The file is damaged or holds no rows.
            RequestError: A query is null or blank, or a history can't be read.
        """
        rows = blank = 0
        first, fits = "", True
        # What is wrong with a history does not hang on the moment.
        histories = HistoryReader(self._graph, self._graph.manifest.test_start) if self._histories else None
        for frame in self._file.blocks(self._columns, _CHECKED):
            if histories is not None:
                events, _ = history_events(frame[_HISTORY])
                histories.read(events, frame.height, f"the column '{_HISTORY}' of {self._path}")
            query = frame[_QUERY].cast(pl.String)
            text = normalise_distinct(query)
            without = (text.is_null() | (text == "")).arg_true()
            if len(without) and not blank:
                first = f"row {rows + without[0]} (counted from 0) is {'null' if query[without[0]] is None else 'blank'}"
            blank += len(without)
            fits = fits and (_USER not in frame.columns or _store(frame[_USER], self._graph)[2])
            rows += frame.height
            progress(rows)
        if not rows:
            raise TableError(f"{self._path} holds no rows; give at least one request")
        if blank:
            raise RequestError(f"{self._path}: the query of {first}; {blank} of {rows} rows are, leave them out")
        return Checked(rows, fits)

    def blocks(self, checked: Checked, size: int, start: int = 0) -> Iterator[Requests]:
        """Read the requests.

        Args:
            checked: What `check` found.
            size: Requests a block; the last one may hold fewer.
            start: Requests to leave out first.

        Raises:
            TableError: The file is no longer what was checked.
        """
        done = start
        for frame in self._file.blocks(self._columns, size, start):
            query = frame[_QUERY].cast(pl.String)
            user_id = frame[_USER] if _USER in frame.columns else pl.Series(_USER, [None] * frame.height)
            given, stored, _ = _store(user_id, self._graph)
            ids = stored if checked.ids_fit else given
            history = frame[_HISTORY] if self._histories else None
            yield Requests(pl.DataFrame({_USER: ids, _QUERY: query}), _nodes(stored, self._graph), normalise_distinct(query), history)
            done += frame.height
        if done != checked.requests:
            raise TableError(f"{self._path} had {checked.requests:,} rows and now has {done:,}; leave it as it is while it is answered")


def find_users(given: pl.Series, graph: Graph, place: str) -> tuple[Int32, pl.Series]:
    """Find shoppers by the shop's ids.

    Ids given in another type are brought to the graph's where they are written as it would write them: '7' and 7.0 are 7, '007' is not.

    Args:
        given: Ids as read; an empty text is none.
        graph: The graph.
        place: Where they stand, for messages.

    Returns:
        The nodes, int32 [n], -1 for none and for one that the graph does not hold; and the ids in the graph's type, or as given where that
        type can't hold them all.

    Raises:
        TableError: The column holds neither text nor numbers.
    """
    _check_ids(given.name, given.dtype, place)
    cleaned, stored, fits = _store(given, graph)
    return _nodes(stored, graph), stored if fits else cleaned


def history_events(history: pl.Series) -> tuple[pl.DataFrame, Int64]:
    """Return the events of histories as a table for `HistoryReader`, the guest being the row, and how many each row has.

    Shapes:
        history: List [n]; returns int64 [n].
    """
    length = history.list.len().fill_null(0).to_numpy().astype(np.int64)
    guest = pl.Series("guest", np.repeat(np.arange(len(history), dtype=np.int32), length))
    told = history.filter(pl.Series(length > 0)).explode()
    events = told.struct.unnest() if isinstance(told.dtype, pl.Struct) else told.alias("product_id").to_frame()
    return events.with_columns(guest), length


def _check_ids(name: str, dtype: pl.DataType, place: str) -> None:
    if not can_be_ids(dtype):
        raise TableError(f"column '{name}' of {place}: expected ids, integers or text, got {dtype}; write them as one of these")


def _check_history(dtype: pl.DataType, place: str) -> None:
    """Refuse a column that holds no histories.

    Raises:
        TableError: It holds neither lists of ids nor lists of events.
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


def _store(given: pl.Series, graph: Graph) -> tuple[pl.Series, pl.Series, bool]:
    """Return ids without empty texts, the same in the graph's type, null where that can't hold one, and whether it holds them all."""
    if is_text(given.dtype):
        given = given.cast(pl.String)
        given = given.set(given == "", None)
    stored = as_id_type(given, graph.nodes("user").to_series(0).dtype).alias(given.name)
    return given, stored, stored.null_count() == given.null_count()


def _nodes(stored: pl.Series, graph: Graph) -> Int32:
    nodes = pl.DataFrame({"id": graph.nodes("user").to_series(0)}).with_row_index("node")
    found = pl.DataFrame({"id": stored}).join(nodes, on="id", how="left", maintain_order="left")["node"]
    return found.cast(pl.Int32).fill_null(-1).to_numpy()
