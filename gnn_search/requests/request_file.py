"""A file of requests of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from gnn_search.errors import RequestError, TableError
from gnn_search.graph.id_lookup import IdLookup, can_be_ids
from gnn_search.graph.store import Graph
from gnn_search.requests.history import HistoryReader, check_history_type, explode_histories
from gnn_search.tables.columns import is_text
from gnn_search.tables.formats import TableFile
from gnn_search.tables.text import normalise_distinct

_USER, _QUERY, _HISTORY = "user_id", "query", "history"
_MISSPELT = {_USER: ("user", "users", "userid"), _HISTORY: ("user_history", "histories", "history_ids")}
"""Columns that can only be meant by another name."""
_ONLY_PYTHON = ("attributes", "session")
"""What requests of a program may have, and those of a file may not."""
_CHECKED = 1 << 16
"""Rows that are checked at a time."""


@dataclass(frozen=True)
class CheckedFile:
    """What a look through a whole file of requests found.

    Attributes:
        requests: Its rows.
        ids_fit: Whether the graph's type of ids can hold every `user_id` of the file.
    """

    requests: int
    ids_fit: bool


class RequestFile:
    """A file of requests: looked through once, so that a fault is found before the work begins, then read in blocks.

    Args:
        path: Parquet, CSV or JSON lines, by suffix. Column `query`; `user_id` and `history` may be absent or null; others are passed
            over, unless they look like one of these misspelt, or only requests of a program may have them.

    Attributes:
        notes: A sentence where columns are passed over and no request can have a user.

    Raises:
        TableError: The file is absent, damaged or blank, lacks the column `query`, or a column has a wrong type or name.
    """

    def __init__(self, path: Path, graph: Graph) -> None:
        self._path, self._graph = path, graph
        self._file = TableFile.open(path, "requests")
        schema = self._file.schema
        if _QUERY not in schema:
            raise TableError(f"{path} lacks the column '{_QUERY}'; give each request one, and '{_USER}' where a user asks")
        if not (is_text(schema[_QUERY]) or schema[_QUERY] == pl.Null):
            raise TableError(f"column '{_QUERY}' of {path}: expected text, got {schema[_QUERY]}; write the queries as text")
        for wanted in (_USER, _HISTORY):
            _refuse_misspelt(wanted, list(schema), path)
        strange = [name for name in _ONLY_PYTHON if name in schema]
        if strange:
            raise TableError(
                f"{path} has a column '{strange[0]}', which is not read from files; leave it out, or search from Python with it"
            )
        if _USER in schema and not can_be_ids(schema[_USER]):
            raise TableError(f"column '{_USER}' of {path}: expected ids, integers or text, got {schema[_USER]}; write them as one of these")
        self._has_histories = _HISTORY in schema and schema[_HISTORY] != pl.Null
        if self._has_histories:
            check_history_type(schema[_HISTORY], str(path))
        unread = [name for name in schema if name not in (_USER, _QUERY, _HISTORY)]
        self.notes: tuple[str, ...] = ()
        if unread and _USER not in schema:
            many = f"columns {', '.join(map(repr, unread))} are" if len(unread) > 1 else f"column {unread[0]!r} is"
            whom = "without a user but by their histories" if self._has_histories else "without a user"
            self.notes = (f"{path} has no column '{_USER}', so all requests are answered {whom}; its {many} not read",)
        self._columns = (_USER, _QUERY, _HISTORY) if self._has_histories else (_USER, _QUERY)

    def check(self, progress: Callable[[int], None] = lambda done: None, size: int = _CHECKED) -> CheckedFile:
        """Look through the whole file.

        Raises:
            TableError: The file is damaged or holds no rows.
            RequestError: A query is null or blank, or a history can't be read.
        """
        rows = blank = 0
        first, fits, users = "", True, IdLookup(self._graph.nodes("user").to_series(0))
        # Whatever is wrong with a history is wrong at any time.
        histories = HistoryReader(self._graph, self._graph.manifest.test_start) if self._has_histories else None
        for frame in self._file.blocks(self._columns, size):
            if histories is not None:
                histories.read(explode_histories(frame[_HISTORY])[0], frame.height, f"the column '{_HISTORY}' of {self._path}")
            query = frame[_QUERY].cast(pl.String)
            text = normalise_distinct(query)
            without = (text.is_null() | (text == "")).arg_true()
            if len(without) and not blank:
                first = f"row {rows + without[0]} (counted from 0) is {'null' if query[without[0]] is None else 'blank'}"
            blank += len(without)
            fits = fits and (_USER not in frame.columns or users.find_column(frame[_USER]).fit)
            rows += frame.height
            progress(rows)
        if not rows:
            raise TableError(f"{self._path} holds no rows; give at least one request")
        if blank:
            raise RequestError(f"{self._path}: the query of {first}; {blank} of {rows} rows are, leave them out")
        return CheckedFile(rows, fits)

    def blocks(self, checked: CheckedFile, size: int, start: int = 0) -> Iterator[pl.DataFrame]:
        """Yield the requests from `start` on as tables of `size` rows, the last one of fewer, for `RequestParser.parse_table`.

        Raises:
            TableError: The file is no longer what was checked.
        """
        done = start
        for frame in self._file.blocks(self._columns, size, start):
            yield frame
            done += frame.height
        if done != checked.requests:
            raise TableError(f"{self._path} had {checked.requests:,} rows and now has {done:,}; leave it as it is while it is answered")


def _refuse_misspelt(wanted: str, columns: list[str], path: Path) -> None:
    """Refuse a file without a column that has another which must be meant by it: its requests would be answered as nobody's.

    Raises:
        TableError: There is such a column.
    """
    if wanted in columns:
        return
    words = {name: name.lower().replace("-", "_").replace(" ", "_") for name in columns}
    meant = [name for name, word in words.items() if word in _MISSPELT[wanted]]
    meant = meant or [name for name, word in words.items() if get_close_matches(word, [wanted], cutoff=0.8)]
    if meant:
        raise TableError(f"{path} has a column '{meant[0]}' but no '{wanted}'; rename it to '{wanted}', or leave it out")
