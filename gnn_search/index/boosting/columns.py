"""Read product qualities that the graph does not hold from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.errors import TableError
from gnn_search.graph.store import Graph

Float64 = npt.NDArray[np.float64]

_ID = "product_id"


def read_columns(path: Path, names: Sequence[str], graph: Graph) -> dict[str, Float64]:
    """Read numbers of the products.

    Args:
        path: Parquet, CSV or JSON lines with the column `product_id`, a row a product; products may be missing, unknown ones are passed
            over.
        names: The columns wanted.
        graph: The shop.

    Shapes:
        Returns float64 [products] a name, NaN where the file has no value.

    Raises:
        TableError: The file is absent, damaged, lacks a column, holds a product twice or none of the shop's, or a column holds no numbers.
    """
    frame = _read(path)
    missing = [name for name in (_ID, *names) if name not in frame.columns]
    if missing:
        raise TableError(f"{path} lacks the column '{missing[0]}'; there are {', '.join(frame.columns)}; correct the file or the name")
    known = graph.nodes("product").to_series(0)
    ids = frame[_ID]
    if ids.dtype != pl.String and not ids.dtype.is_integer():
        raise TableError(f"column '{_ID}' of {path}: expected ids, integers or text, got {ids.dtype}; write them as one of these")
    given = ids.cast(known.dtype, strict=False)
    # An id counts where it is written as the shop would write it: '7' is 7, '007' is not.
    given = given.set((given.cast(pl.String) != ids.cast(pl.String)).fill_null(False), None)
    rows = pl.DataFrame({_ID: given, **{name: _numbers(frame[name], path) for name in names}}).drop_nulls(_ID)
    twice = rows[_ID].filter(rows[_ID].is_duplicated())
    if len(twice):
        raise TableError(f"{path} holds the product {twice[0]!r} more than once; keep one row a product")
    found = pl.DataFrame({_ID: known}).join(rows.with_columns(there=True), on=_ID, how="left", maintain_order="left")
    if not found["there"].any():
        such = f"its ids are such as {ids[0]!r}, those of the shop such as {known[0]!r}"
        raise TableError(f"{path} holds none of the {len(known):,} products of {graph.path}; {such}")
    return {name: found[name].fill_null(np.nan).to_numpy() for name in names}


def _read(path: Path) -> pl.DataFrame:
    readers = {".parquet": pl.read_parquet, ".csv": lambda file: pl.read_csv(file, infer_schema=False), ".jsonl": pl.read_ndjson}
    if path.suffix not in readers:
        raise TableError(f"{path} has no known suffix; expected one of {', '.join(readers)}")
    if not path.is_file():
        raise TableError(f"there is no file {path}; give one with product_id and a column a quality")
    try:
        frame = readers[path.suffix](path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TableError(f"{path} is damaged or no {path.suffix} file: {reason}; write it again") from None
    if frame.is_empty():
        raise TableError(f"{path} holds no rows; give a row a product")
    return frame


def _numbers(column: pl.Series, path: Path) -> pl.Series:
    if column.dtype.is_nested() or column.dtype == pl.Boolean or column.dtype.is_temporal():
        raise TableError(f"column '{column.name}' of {path}: expected numbers, got {column.dtype}; write it as numbers")
    text = column.set(column == "", None) if column.dtype == pl.String else column
    number = text.cast(pl.Float64, strict=False)
    wrong = (number.is_null() & text.is_not_null()).arg_true()
    if len(wrong):
        raise TableError(f"column '{column.name}' of {path}: expected numbers, got {column[wrong[0]]!r} in row {wrong[0]} (counted from 0)")
    return number
