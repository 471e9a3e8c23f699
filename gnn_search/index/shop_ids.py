"""The shop's ids of an index's rows; a removed product leaves null."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Float32, Int64

_SHOWN = 3


def present_rows(ids: pl.Series | None) -> npt.NDArray[np.bool_] | None:
    """Return which rows hold a product, bool [rows]; None where all do."""
    return None if ids is None or not ids.null_count() else ids.is_not_null().to_numpy()


def find_rows(ids: pl.Series | None, wanted: pl.Series) -> Int64:
    """Return the rows of products: int64, in the order of `wanted`.

    Raises:
        RequestError: An id is not there or stands twice among those wanted, or the index has no ids.
    """
    known = _known(ids)
    _refuse_repeated(wanted)
    rows = pl.DataFrame({"id": known}).with_row_index("row").filter(pl.col("id").is_not_null())
    asked = pl.DataFrame({"id": _cast(known, wanted)})
    found = asked.join(rows, on="id", how="left", maintain_order="left")
    lost = found.filter(pl.col("row").is_null())["id"]
    if len(lost):
        raise RequestError(f"{len(lost)} of {len(wanted)} products are not in the index, such as {_some(lost)}; give ids that it holds")
    return found["row"].to_numpy().astype(np.int64)


def add_ids(ids: pl.Series | None, new: pl.Series, vectors: Float32, dimension: int) -> pl.Series:
    """Return the ids with new ones behind them.

    Shapes:
        vectors: float32 [new, dimension], those of the new products.

    Raises:
        RequestError: A new id is null, stands twice or is there already, or vectors and ids do not match.
    """
    known = _known(ids)
    if vectors.shape != (len(new), dimension):
        raise RequestError(f"expected {len(new)} vectors of {dimension} numbers, one for each id, got an array of shape {vectors.shape}")
    if new.null_count():
        raise RequestError(f"{new.null_count()} of the new ids are null; give every product an id")
    _refuse_repeated(new)
    joined = _cast(known, new)
    there = joined.filter(joined.is_in(known.drop_nulls().implode()))
    if len(there):
        raise RequestError(f"{len(there)} of {len(new)} products are in the index already, such as {_some(there)}; remove them first")
    return pl.concat([known, joined])


def clear_ids(ids: pl.Series | None, rows: Int64) -> pl.Series:
    """Return the ids with null at some rows."""
    known = _known(ids)
    gone = np.zeros(len(known), dtype=np.bool_)
    gone[rows] = True
    return pl.select(pl.when(pl.lit(pl.Series(gone))).then(None).otherwise(pl.lit(known)).alias(known.name)).to_series()


def _known(ids: pl.Series | None) -> pl.Series:
    if ids is None:
        raise RequestError("the index was made without the shop's ids, so products can't be told apart; give ids when it is built")
    return ids


def _cast(ids: pl.Series, other: pl.Series) -> pl.Series:
    try:
        return other.cast(ids.dtype).alias(ids.name)
    except pl.exceptions.PolarsError:
        raise RequestError(f"expected ids of type {ids.dtype}, as in the index, got {other.dtype}") from None


def _refuse_repeated(ids: pl.Series) -> None:
    repeated = ids.filter(ids.is_duplicated())
    if len(repeated):
        raise RequestError(f"{_some(repeated.unique(maintain_order=True))} stands more than once among the ids; give each product once")


def _some(ids: pl.Series) -> str:
    return ", ".join(repr(one) for one in ids.head(_SHOWN).to_list())
