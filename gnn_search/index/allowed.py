"""The rows that a search may find."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int64
from gnn_search.index.product_index import Allowed


def allowed_rows(allowed: Allowed | None, present: npt.NDArray[np.bool_] | None, count: int) -> Int64 | None:
    """Return the rows that may be found, ascending and distinct; None where nothing is left out.

    Args:
        allowed: What the caller allows; None for all.
        present: Rows whose product was not removed; None where none was.
        count: Rows of the index.

    Shapes:
        present: bool [count]. Returns int64 [rows].

    Raises:
        RequestError: A mask has another length than the index, or a row is not there.
    """
    if allowed is None:
        return None if present is None else np.flatnonzero(present)
    if allowed.dtype == np.bool_:
        if allowed.shape != (count,):
            raise RequestError(f"expected a mask of {count} rows, one for each row of the index, got one of shape {allowed.shape}")
        return np.flatnonzero(allowed if present is None else allowed & present)
    rows = np.unique(allowed).astype(np.int64)
    if len(rows) and not 0 <= rows[0] <= rows[-1] < count:
        wrong = rows[0] if rows[0] < 0 else rows[-1]
        raise RequestError(f"row {wrong} is allowed, but the index has the rows 0 to {count - 1}; give rows of this index")
    return rows if present is None else rows[present[rows]]
