"""Read a file with a row a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnn_search.errors import TableError
from gnn_search.graph.csr import Int32
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph

_ID = "product_id"


@dataclass(frozen=True)
class ProductFile:
    """Rows of a file.

    Shapes:
        node: int32 [rows], the product of each row, -1 for one that the graph does not hold; rows: the columns that were asked for.
    """

    node: Int32
    rows: pl.DataFrame


def read_product_file(path: Path, names: Sequence[str], graph: Graph) -> ProductFile:
    """Read columns of a file about products of a shop.

    Args:
        path: Parquet, CSV or JSON lines with the column `product_id`. An id counts where it is written as the shop would write it: '7' is
            7, '007' is not.
        names: The columns wanted.
        graph: The shop.

    Raises:
        TableError: The file is absent, damaged, empty, lacks a column or holds none of the shop's products.
    """
    frame = _read(path)
    missing = [name for name in (_ID, *names) if name not in frame.columns]
    if missing:
        raise TableError(f"{path} lacks the column '{missing[0]}'; there are {', '.join(frame.columns)}; correct the file or the name")
    ids = frame[_ID]
    if ids.dtype != pl.String and not ids.dtype.is_integer():
        raise TableError(f"column '{_ID}' of {path}: expected ids, integers or text, got {ids.dtype}; write them as one of these")
    known = graph.nodes("product").to_series(0)
    node = IdLookup(known).find(ids)
    if not (node >= 0).any():
        such = f"its ids are such as {ids[0]!r}, those of the shop such as {known[0]!r}"
        raise TableError(f"{path} holds none of the {len(known):,} products of {graph.path}; {such}")
    return ProductFile(node, frame.select(names))


def _read(path: Path) -> pl.DataFrame:
    readers = {".parquet": pl.read_parquet, ".csv": lambda file: pl.read_csv(file, infer_schema=False), ".jsonl": pl.read_ndjson}
    if path.suffix not in readers:
        raise TableError(f"{path} has no known suffix; expected one of {', '.join(readers)}")
    if not path.is_file():
        raise TableError(f"there is no file {path}; give one with product_id and a row a product")
    try:
        frame = readers[path.suffix](path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TableError(f"{path} is damaged or no {path.suffix} file: {reason}; write it again") from None
    if frame.is_empty():
        raise TableError(f"{path} holds no rows; give a row a product")
    return frame
