"""Read requests, and find their shoppers in the graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnn_search.errors import RequestError, TableError
from gnn_search.graph.csr import Int32
from gnn_search.graph.store import Graph
from gnn_search.retrieval.formats import read_file
from gnn_search.tables.text import normalise_distinct

_USER, _QUERY = "user_id", "query"


@dataclass(frozen=True, eq=False)
class Requests:
    """Requests in the order of the file.

    Attributes:
        given: `user_id` and `query`, as results repeat them. `user_id` has the type of the graph's ids, or the file's where the graph's
            can't hold every id given.
        user: Node of each shopper, -1 for none and for one that the graph does not hold.
        text: The normalised queries, none of them empty.

    Shapes:
        given: n rows; user: int32 [n]; text: String [n].
    """

    given: pl.DataFrame
    user: Int32
    text: pl.Series

    def __len__(self) -> int:
        return len(self.user)


def read_requests(path: Path, graph: Graph) -> Requests:
    """Read a file of requests.

    Args:
        path: Parquet, CSV or JSON lines, by suffix. Column `query`; column `user_id` may be absent or null.
        graph: The graph.

    Raises:
        TableError: The file is absent, damaged or empty, lacks the column `query`, or a column has a wrong type.
        RequestError: A query is null or blank.
    """
    frame = read_file(path, (_USER, _QUERY))
    if _QUERY not in frame.columns:
        raise TableError(f"{path} lacks the column '{_QUERY}'; give each request one, and '{_USER}' where a shopper asks")
    if frame.is_empty():
        raise TableError(f"{path} holds no rows; give at least one request")
    query = _text_column(frame[_QUERY], path)
    text = normalise_distinct(query)
    blank = (text.is_null() | (text == "")).arg_true()
    if len(blank):
        what = "null" if query[blank[0]] is None else "blank"
        raise RequestError(
            f"{path}: the query of row {blank[0]} (counted from 0) is {what}; {len(blank)} of {len(text)} rows are, leave them out"
        )
    user_id = frame[_USER] if _USER in frame.columns else pl.Series(_USER, [None] * frame.height)
    user, ids = find_users(user_id, graph, str(path))
    return Requests(pl.DataFrame({_USER: ids, _QUERY: query}), user, text)


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
    known = graph.nodes("user").to_series(0)
    as_text = _is_text(given.dtype)
    if not (as_text or given.dtype == pl.Null or given.dtype.is_integer() or given.dtype.is_float()):
        raise TableError(f"column '{given.name}' of {place}: expected ids, integers or text, got {given.dtype}; write them as one of these")
    if as_text:
        given = given.cast(pl.String)
        given = given.set(given == "", None)
    stored = _as_type(given, known.dtype).alias(given.name)
    nodes = pl.DataFrame({"id": known}).with_row_index("node")
    found = pl.DataFrame({"id": stored}).join(nodes, on="id", how="left", maintain_order="left")["node"]
    whole = stored.null_count() == given.null_count()
    return found.cast(pl.Int32).fill_null(-1).to_numpy(), stored if whole else given


def _as_type(given: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Cast ids, null where that is not possible."""
    if given.dtype == pl.Null:
        return given.cast(dtype)
    if given.dtype.is_float():
        # A table of integers with gaps comes as floats from some tools.
        number = given.cast(pl.Int64, strict=False)
        given = number.set((number.cast(pl.Float64) != given.cast(pl.Float64)).fill_null(False), None)
    if dtype == pl.String or given.dtype.is_integer():
        return given.cast(dtype, strict=False)
    number = given.cast(pl.Int64, strict=False)
    return number.set((number.cast(pl.String) != given).fill_null(False), None)


def _text_column(column: pl.Series, path: Path) -> pl.Series:
    if not _is_text(column.dtype) and column.dtype != pl.Null:
        raise TableError(f"column '{column.name}' of {path}: expected text, got {column.dtype}; write the queries as text")
    return column.cast(pl.String)


def _is_text(dtype: pl.DataType) -> bool:
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)
