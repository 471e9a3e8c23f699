"""Products for OpenSearch: a mapping, and bulk files.

Source: the bulk API and the field type knn_vector, OpenSearch's documentation.
"""

from __future__ import annotations

from pathlib import Path

from gnn_search.export.formats.elasticsearch import FIELDS, INDEX_FILE, SUFFIX, bulk_lines
from gnn_search.export.formats.json_lines import write_line_shards
from gnn_search.export.source import ExportSource
from gnn_search.layout import write_json

_DATA_TYPES = {"float32": "float", "int8": "byte"}


def write_opensearch(source: ExportSource, folder: Path) -> None:
    """Write `index.json`, the body of the request that makes the index, and `product-NNNNN.ndjson` for the bulk API."""
    vector = {
        "type": "knn_vector",
        "dimension": source.dimension,
        "data_type": _DATA_TYPES[source.storage.dtype],
        "method": {"name": "hnsw", "engine": "faiss", "space_type": "innerproduct"},
    }
    body = {
        "settings": {"index": {"knn": True}},
        "mappings": {"dynamic": "strict", "properties": {**FIELDS, "vector": vector}},
    }
    write_json(folder / INDEX_FILE, body)
    write_line_shards(source, folder, SUFFIX, bulk_lines)
