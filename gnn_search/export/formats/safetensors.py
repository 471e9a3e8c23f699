"""Vectors as safetensors, their ids beside them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from safetensors.numpy import load, save

from gnn_search.arrays import Float32
from gnn_search.export.formats.npy import IDS
from gnn_search.export.source import ExportSource
from gnn_search.export.storage import Storage
from gnn_search.layout import shard
from gnn_search.vectors.embed import VECTOR_COLUMN

SUFFIX = "safetensors"


def write_safetensors(source: ExportSource, folder: Path) -> None:
    """Write `NAME-NNNNN.safetensors`, one tensor `vector`, and `NAME-NNNNN.ids.parquet`; safetensors holds no text."""
    for name, table in source.tables.items():
        for number, (keys, stored) in enumerate(source.shards(table)):
            metadata = {"table": name, "scale": repr(source.storage.scale)}
            # Not save_file, which makes a file that nobody else may read.
            shard(folder, name, number, SUFFIX).write_bytes(save({VECTOR_COLUMN: stored}, metadata))
            keys.write_parquet(shard(folder, name, number, IDS))


def read_safetensors(file: Path, storage: Storage) -> tuple[pl.DataFrame, Float32]:
    """Read one part: its ids and its vectors, float32 [rows, d]."""
    return pl.read_parquet(file.with_suffix(f".{IDS}")), storage.decode(load(file.read_bytes())[VECTOR_COLUMN])
