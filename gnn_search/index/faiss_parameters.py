"""How FAISS is told, for one search, how far to look and what to skip."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from gnn_search.graph.csr import Int64

# FAISS's type hints know neither its keyword arguments nor all of its classes.
_faiss: Any = faiss


def search_parameters(index: faiss.Index, selector: faiss.IDSelector | None, nprobe: int = 1, ef_search: int = 1) -> Any:
    """Return the `faiss.SearchParameters` of a search, fitting the type of the index and of those inside it.

    Args:
        index: What is searched.
        selector: Rows that may be found; None for all.
        nprobe: Lists of an inverted file to look into.
        ef_search: Nodes of an HNSW graph to keep in view.
    """
    index = faiss.downcast_index(index)
    chosen = {} if selector is None else {"sel": selector}
    if isinstance(index, faiss.IndexPreTransform):
        return _faiss.SearchParametersPreTransform(index_params=search_parameters(index.index, selector, nprobe, ef_search))
    if isinstance(index, faiss.IndexRefine):
        base = search_parameters(index.base_index, selector, nprobe, ef_search)
        return _faiss.IndexRefineSearchParameters(k_factor=index.k_factor, base_index_params=base)
    if isinstance(index, faiss.IndexIVF):
        return _faiss.SearchParametersIVF(nprobe=nprobe, **_coarse(index, nprobe, ef_search), **chosen)
    if isinstance(index, faiss.IndexHNSW):
        return _faiss.SearchParametersHNSW(efSearch=ef_search, **chosen)
    return _faiss.SearchParameters(**chosen)


def _coarse(index: faiss.IndexIVF, nprobe: int, ef_search: int) -> dict[str, Any]:
    if not isinstance(faiss.downcast_index(index.quantizer), faiss.IndexHNSW):
        return {}
    # Fewer nodes in view than lists wanted would leave some of these out.
    return {"quantizer_params": _faiss.SearchParametersHNSW(efSearch=max(ef_search, 2 * nprobe))}


def selector(rows: Int64, count: int) -> Any:
    """Return the `faiss.IDSelector` that skips all rows but these.

    Shapes:
        rows: int64 [allowed], of an index of `count` rows.
    """
    mask = np.zeros(count, dtype=np.bool_)
    mask[rows] = True
    return _faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
