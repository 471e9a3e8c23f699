"""Products for Elasticsearch: a mapping, and bulk files.

Source: the bulk API and the field type dense_vector, Elasticsearch's reference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from gnn_search.export.formats.json_lines import object_text, write_line_shards
from gnn_search.export.source import ExportSource
from gnn_search.layout import write_json

INDEX_FILE = "index.json"
"""The body with which the index is made."""
SUFFIX = "ndjson"
FIELDS: dict[str, dict[str, Any]] = {
    "product_id": {"type": "keyword"},
    "title": {"type": "text"},
    "brand": {"type": "keyword"},
    "category_path": {"type": "keyword"},
    "categories": {"type": "keyword"},
}
"""All but the vector."""

_ELEMENTS = {"float32": "float", "int8": "byte"}


def write_elasticsearch(source: ExportSource, folder: Path) -> None:
    """Write `index.json`, the body of the request that makes the index, and `product-NNNNN.ndjson` for the bulk API."""
    vector = {
        "type": "dense_vector",
        "dims": source.dimension,
        "element_type": _ELEMENTS[source.storage.dtype],
        "index": True,
        # Vectors have unit length, so this is the cosine; vectors of length 0 are refused and therefore left out.
        "similarity": "dot_product",
    }
    write_json(folder / INDEX_FILE, {"mappings": {"dynamic": "strict", "properties": {**FIELDS, "vector": vector}}})
    write_line_shards(source, folder, SUFFIX, bulk_lines)


def bulk_lines(documents: pl.DataFrame) -> pl.Series:
    """Return two lines a document: what to do, and the document."""
    target = object_text(documents.select(_id=pl.col("product_id").cast(pl.String)))
    return '{"index":' + target + "}\n" + object_text(documents)
