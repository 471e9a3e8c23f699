"""Read product qualities that the graph does not hold from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.errors import TableError
from gnn_search.graph.store import Graph
from gnn_search.index.product_file import read_product_file

Float64 = npt.NDArray[np.float64]


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
    file = read_product_file(path, names, graph)
    there = np.flatnonzero(file.node >= 0)
    node = file.node[there]
    repeated = np.flatnonzero(np.bincount(node) > 1)
    if len(repeated):
        twice = graph.nodes("product").to_series(0)[int(repeated[0])]
        raise TableError(f"{path} holds the product {twice!r} more than once; keep one row a product")
    columns = {}
    for name in names:
        values = np.full(graph.num_nodes["product"], np.nan)
        values[node] = _numbers(file.rows[name], path).fill_null(np.nan).to_numpy()[there]
        columns[name] = values
    return columns


def _numbers(column: pl.Series, path: Path) -> pl.Series:
    if column.dtype.is_nested() or column.dtype == pl.Boolean or column.dtype.is_temporal():
        raise TableError(f"column '{column.name}' of {path}: expected numbers, got {column.dtype}; write it as numbers")
    text = column.set(column == "", None) if column.dtype == pl.String else column
    number = text.cast(pl.Float64, strict=False)
    wrong = (number.is_null() & text.is_not_null()).arg_true()
    if len(wrong):
        raise TableError(f"column '{column.name}' of {path}: expected numbers, got {column[wrong[0]]!r} in row {wrong[0]} (counted from 0)")
    return number
