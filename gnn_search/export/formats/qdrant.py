"""Products for Qdrant: the settings of a collection, and points as parquet."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gnn_search.export.documents import product_documents
from gnn_search.export.source import ExportSource, vector_series
from gnn_search.layout import shard, write_json

_COLLECTION = "collection.json"


def write_qdrant(source: ExportSource, folder: Path) -> None:
    """Write `collection.json`, the body of the request that makes the collection, and `product-NNNNN.parquet`.

    Qdrant's ids are numbers from 0 or UUIDs. `point_id` is the product's own id where all are such numbers, else the number of its row.
    """
    vectors = {"size": source.dimension, "distance": "Dot", "datatype": source.storage.dtype}
    write_json(folder / _COLLECTION, {"vectors": vectors})
    documents = product_documents(source.model.graph)
    ids = documents["product_id"]
    whole = ids.dtype.is_integer() and (not len(ids) or int(ids.min()) >= 0)  # type: ignore[arg-type]
    points = documents.with_row_index("point_id").with_columns(
        (pl.col("product_id") if whole else pl.col("point_id")).cast(pl.UInt64).alias("point_id")
    )
    start = 0
    for number, (keys, stored) in enumerate(source.shards(source.products)):
        points[start : start + keys.height].with_columns(vector_series(stored)).write_parquet(shard(folder, "product", number, "parquet"))
        start += keys.height
