"""Products for PostgreSQL with pgvector: a table, files for COPY, and an index."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gnn_search.export.documents import product_documents
from gnn_search.export.source import ExportSource
from gnn_search.layout import shard
from gnn_search.vectors.embed import VECTOR_COLUMN

_TYPES = {"float32": "vector", "float16": "halfvec"}
_MOST_INDEXED = {"float32": 2_000, "float16": 4_000}
"""Dimensions that pgvector's HNSW takes."""
_CATEGORIES = "categories"

_SCHEMA = """CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE product (
    product_id {id_type} PRIMARY KEY,
    title text,
    brand text,
    category_path text,
    vector {vector_type}({dimension})
);
"""
_INDEX = "CREATE INDEX ON product USING hnsw (vector {vector_type}_ip_ops);\n"
_PATHS = "CREATE INDEX ON product (category_path text_pattern_ops);\n"


def write_pgvector(source: ExportSource, folder: Path) -> None:
    """Write `schema.sql`, `product-NNNNN.csv` for COPY, and `load.sql`, which runs all of it in one transaction with psql."""
    documents = product_documents(source.model.graph).drop(_CATEGORIES)
    vector_type = _TYPES[source.storage.dtype]
    id_type = "text" if documents["product_id"].dtype == pl.String else "bigint"
    schema = _SCHEMA.format(id_type=id_type, vector_type=vector_type, dimension=source.dimension)
    (folder / "schema.sql").write_text(schema, encoding="utf-8")
    files = _write_rows(source, folder, documents)
    copies = "".join(f"\\copy product FROM '{file.name}' WITH (FORMAT csv, HEADER true)\n" for file in files)
    index = _INDEX.format(vector_type=vector_type) if source.dimension <= _MOST_INDEXED[source.storage.dtype] else ""
    load = f"\\set ON_ERROR_STOP on\nBEGIN;\n\\i schema.sql\n{copies}{index}{_PATHS}COMMIT;\nANALYZE product;\n"
    (folder / "load.sql").write_text(load, encoding="utf-8")


def _write_rows(source: ExportSource, folder: Path, documents: pl.DataFrame) -> list[Path]:
    files = [shard(folder, "product", 0, "csv")]
    size = 0
    for block in source.blocks(documents):
        numbers = pl.col(VECTOR_COLUMN).arr.to_list().cast(pl.List(pl.Float32)).cast(pl.List(pl.String)).list.join(",")
        rows = block.with_columns(("[" + numbers + "]").alias(VECTOR_COLUMN))
        text = rows.write_csv(include_header=size == 0).encode()
        if size and size + len(text) > source.shard_bytes:
            files.append(shard(folder, "product", len(files), "csv"))
            text, size = rows.write_csv(include_header=True).encode(), 0
        with files[-1].open("ab") as file:
            file.write(text)
        size += len(text)
    return files
