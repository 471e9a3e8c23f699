"""Read a file with a row a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnn_search.errors import TableError
from gnn_search.graph.csr import Int32
from gnn_search.graph.id_lookup import IdLookup, can_be_ids
from gnn_search.graph.store import Graph
from gnn_search.tables.formats import TableFile

_ID = "product_id"
_BLOCK = 1 << 20
"""Rows read at a time."""


@dataclass(frozen=True)
class ProductFile:
    """Rows of a file.

    Shapes:
        ids: [rows], as given; node: int32 [rows], the product of each row, -1 for one that the graph does not hold; rows: the columns that
        were asked for.
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
