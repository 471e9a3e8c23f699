"""What an export holds. This module is light: the command line reads its names for the help."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, field_validator

from gnn_search.config.base import StrictModel

FormatName = Literal[
    "parquet",
    "npy",
    "safetensors",
    "faiss",
    "text_tower",
    "onnx",
    "elasticsearch",
    "opensearch",
    "vespa",
    "pgvector",
    "qdrant",
    "milvus",
]
DtypeName = Literal["float32", "float16", "int8"]
ExportedNode = Literal["product", "query", "category", "user"]

FORMATS: tuple[FormatName, ...] = get_args(FormatName)
DTYPES: tuple[DtypeName, ...] = get_args(DtypeName)
NODES: tuple[ExportedNode, ...] = get_args(ExportedNode)
TOWER_FORMATS: tuple[FormatName, ...] = ("text_tower", "onnx")
"""Formats that hold what makes vectors, and none of the vectors of products."""
TABLE_FORMATS: tuple[FormatName, ...] = ("parquet", "npy", "safetensors")
"""Formats that hold every table of vectors; the others hold the products, or no vectors."""


class ExportSettings(StrictModel):
    """What to write.

    Attributes:
        formats: Each gets a folder of its name.
        nodes: Whose vectors the formats of tables hold; search engines get products.
        dtype: Of the vectors' numbers. int8 stands for whole steps of one scale, which the manifest tells.
        shard_bytes: Most bytes a file, as far as one block of rows allows; typically 64,000,000.
    """

    formats: tuple[FormatName, ...] = ("parquet", "faiss", "text_tower")
    nodes: tuple[ExportedNode, ...] = NODES
    dtype: DtypeName = "float32"
    shard_bytes: int = Field(64_000_000, ge=1)

    @field_validator("formats", "nodes")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("is empty; name at least one")
        return tuple(dict.fromkeys(value))
