"""Read files with a row a product: lists of products for filters, and columns for boosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Int32
from gnn_search.errors import TableError
from gnn_search.graph.id_lookup import IdLookup, can_be_ids
from gnn_search.graph.store import Graph
from gnn_search.tables.formats import TableFile

_ID = "product_id"
_BLOCK = 1 << 20
"""Rows read at a time."""


@dataclass(frozen=True)
class ProductFile:
    """Rows of a file.

    Attributes:
        ids: As given.
        node: The product of each row, -1 for one that the graph does not hold.
        rows: The columns that were wanted.

    Shapes:
        - ids: [rows]
        - node: int32 [rows]
    """

    ids: pl.Series
    node: Int32
    rows: pl.DataFrame

    @property
    def distinct(self) -> Int32:
        """The product of each id that is not null, once: int32 [distinct ids]."""
        once: Int32 = self.node[(self.ids.is_first_distinct() & self.ids.is_not_null()).to_numpy()]
        return once


def read_product_file(path: Path, names: Sequence[str], graph: Graph) -> ProductFile:
    """Read columns of a file about products of a shop.

    Args:
        path: Parquet, CSV or JSON lines with the column `product_id`, see `TableFile`. An id counts where it is written as the shop would
            write it: '7' is 7, '007' is not.
        names: The columns wanted.
        graph: The shop.

    Raises:
        TableError: The file is absent, damaged, empty, lacks a column or holds none of the shop's products.
    """
    file = TableFile.open(path, "products")
    missing = [name for name in (_ID, *names) if name not in file.schema]
    if missing:
        raise TableError(f"{path} lacks the column '{missing[0]}'; there are {', '.join(file.schema)}; correct the file or the name")
    if not can_be_ids(file.schema[_ID]):
        found = file.schema[_ID]
        raise TableError(f"column '{_ID}' of {path}: expected ids, integers or text, got {found}; write them as one of these")
    blocks = list(file.blocks((_ID, *names), _BLOCK))
    if not blocks or not any(block.height for block in blocks):
        raise TableError(f"{path} holds no rows; give products, a row each")
    frame = pl.concat(blocks)
    ids, known = frame[_ID], graph.nodes("product").to_series(0)
    node = IdLookup(known).find(ids)
    if not (node >= 0).any():
        given = ids.drop_nulls()
        such = f"its ids are such as {given[0]!r}, those of the shop such as {known[0]!r}" if len(given) else "its ids are null"
        raise TableError(f"{path} holds none of the {len(known):,} products of {graph.path}; {such}")
    return ProductFile(ids, node, frame.select(names))


def read_product_columns(path: Path, names: Sequence[str], graph: Graph) -> dict[str, npt.NDArray[np.float64]]:
    """Read numeric columns of a file with a row a product, as `read_product_file` takes it; unknown products are passed over.

    Shapes:
        - returns: float64 [products] each, NaN where the file has no value

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
