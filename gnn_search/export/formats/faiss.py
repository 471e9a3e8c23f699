"""The exact FAISS index of the products."""

from __future__ import annotations

from pathlib import Path

from gnn_search.export.source import ExportSource
from gnn_search.graph.store import to_datetime
from gnn_search.index.flat import FlatIndex
from gnn_search.index.store import save_index


def write_faiss(source: ExportSource, folder: Path) -> None:
    """Write the index with the ids of its rows; it holds float32 whatever the other formats hold."""
    # The index is a folder that is made whole; its place must be free.
    folder.rmdir()
    products, model = source.products, source.model
    extra = {
        "model_hash": model.manifest.hash,
        "graph_hash": model.graph.manifest.hash,
        "as_of": to_datetime(source.embeddings.as_of).isoformat(),
    }
    save_index(FlatIndex.build(products.vectors), folder, products.keys.to_series(0), extra)
    source.advance(len(products))
