"""All formats of an export by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnn_search.arrays import Float32
from gnn_search.errors import RequestError
from gnn_search.export.formats import npy, parquet, safetensors
from gnn_search.export.formats.elasticsearch import write_elasticsearch
from gnn_search.export.formats.faiss import write_faiss
from gnn_search.export.formats.milvus import write_milvus
from gnn_search.export.formats.onnx import write_onnx
from gnn_search.export.formats.opensearch import write_opensearch
from gnn_search.export.formats.pgvector import write_pgvector
from gnn_search.export.formats.qdrant import write_qdrant
from gnn_search.export.formats.text_tower import write_text_tower
from gnn_search.export.formats.vespa import write_vespa
from gnn_search.export.settings import DTYPES, DtypeName, ExportSettings, FormatName
from gnn_search.export.source import ExportSource
from gnn_search.export.storage import Storage


@dataclass(frozen=True)
class Format:
    """How one format is written.

    Attributes:
        write: Writes into an empty folder.
        dtypes: What the numbers of its vectors may be.
        float32: Whether it holds float32 whatever the setting says.
    """

    write: Callable[[ExportSource, Path], None]
    dtypes: tuple[DtypeName, ...] = DTYPES
    float32: bool = False


@dataclass(frozen=True)
class TableReader:
    """How a part of a table is read: suffix of its file, and the function that gives ids and vectors back."""

    suffix: str
    read: Callable[[Path, Storage], tuple[pl.DataFrame, Float32]]


WRITERS: dict[FormatName, Format] = {
    "parquet": Format(parquet.write_parquet),
    "npy": Format(npy.write_npy),
    "safetensors": Format(safetensors.write_safetensors),
    "faiss": Format(write_faiss, float32=True),
    "text_tower": Format(write_text_tower, float32=True),
    "onnx": Format(write_onnx, float32=True),
    "elasticsearch": Format(write_elasticsearch, ("float32", "int8")),
    "opensearch": Format(write_opensearch, ("float32", "int8")),
    "vespa": Format(write_vespa, ("float32", "int8")),
    "pgvector": Format(write_pgvector, ("float32", "float16")),
    "qdrant": Format(write_qdrant, ("float32", "float16")),
    "milvus": Format(write_milvus, ("float32",)),
}

READERS: dict[FormatName, TableReader] = {
    "parquet": TableReader(parquet.SUFFIX, parquet.read_parquet),
    "npy": TableReader(npy.SUFFIX, npy.read_npy),
    "safetensors": TableReader(safetensors.SUFFIX, safetensors.read_safetensors),
}


def check_dtype(settings: ExportSettings) -> None:
    """Refuse a kind of number that a format can't hold.

    Raises:
        RequestError: One can't.
    """
    for name in settings.formats:
        takes = WRITERS[name].dtypes
        if settings.dtype not in takes:
            raise RequestError(
                f"the format {name} can't hold vectors of {settings.dtype}, it takes {' or '.join(takes)}; give such a --dtype, or export "
                f"{name} by itself"
            )
