"""Products for Milvus: the request that makes a collection, and rows as parquet.

Source: the RESTful API v2 and the import from parquet, Milvus's documentation.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gnn_search.errors import RequestError
from gnn_search.export.documents import product_documents
from gnn_search.export.source import ExportSource, vector_series
from gnn_search.layout import shard, write_json

_COLLECTION = "collection.json"

_MOST_BYTES = 65_535
"""Of a text."""
_MOST_ITEMS = 4_096
"""Of a list."""
_TEXT = {"dataType": "VarChar", "elementTypeParams": {"max_length": _MOST_BYTES}}


def write_milvus(source: ExportSource, folder: Path) -> None:
    """Write `collection.json`, the body of the request that makes the collection, and `product-NNNNN.parquet` to import.

    Raises:
        RequestError: A text is longer than Milvus takes.
    """
    documents = product_documents(source.model.graph)
    ids = documents["product_id"]
    _check_lengths(documents)
    id_field = {"fieldName": "product_id", "isPrimary": True, **({"dataType": "Int64"} if ids.dtype.is_integer() else _TEXT)}
    texts = [{"fieldName": name, "nullable": True, **_TEXT} for name in ("title", "brand", "category_path")]
    lists = {
        "fieldName": "categories",
        "dataType": "Array",
        "elementDataType": "VarChar",
        "elementTypeParams": {"max_length": _MOST_BYTES, "max_capacity": _MOST_ITEMS},
    }
    vector = {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": source.dimension}}
    body = {
        "collectionName": "product",
        "schema": {"autoId": False, "enableDynamicField": False, "fields": [id_field, *texts, lists, vector]},
        "indexParams": [{"fieldName": "vector", "indexName": "vector", "metricType": "IP", "indexType": "AUTOINDEX"}],
    }
    write_json(folder / _COLLECTION, body)
    rows = documents.with_columns(pl.col("categories").fill_null([]))
    start = 0
    for number, (keys, stored) in enumerate(source.shards(source.products)):
        # Milvus reads lists of any length, not those of a fixed one.
        vectors = vector_series(stored).arr.to_list()
        rows[start : start + keys.height].with_columns(vectors).write_parquet(shard(folder, "product", number, "parquet"))
        start += keys.height


def _check_lengths(documents: pl.DataFrame) -> None:
    for name in (name for name, dtype in documents.schema.items() if dtype == pl.String):
        longest = int(documents[name].str.len_bytes().max() or 0)  # type: ignore[arg-type]
        if longest > _MOST_BYTES:
            raise RequestError(
                f"the products' {name} has a value of {longest:,} bytes, Milvus takes at most {_MOST_BYTES:,}; shorten it in the table of "
                "products"
            )
