"""Vectors as plain NumPy arrays, their ids beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.arrays import Float32
from gnn_search.export.source import ExportSource
from gnn_search.export.storage import Storage
from gnn_search.layout import shard

SUFFIX = "npy"
IDS = "ids.parquet"
"""Suffix of the file of ids beside an array."""


def write_npy(source: ExportSource, folder: Path) -> None:
    """Write `NAME-NNNNN.npy` and `NAME-NNNNN.ids.parquet`; row i of one belongs to row i of the other."""
    for name, table in source.tables.items():
        for number, (keys, stored) in enumerate(source.shards(table)):
            np.save(shard(folder, name, number, SUFFIX), stored)
            keys.write_parquet(shard(folder, name, number, IDS))


def read_npy(file: Path, storage: Storage) -> tuple[pl.DataFrame, Float32]:
    """Read one part: its ids and its vectors, float32 [rows, d]; memory-mapped where they are stored as such."""
    stored = np.load(file, mmap_mode="r", allow_pickle=False)
    return pl.read_parquet(file.with_suffix(f".{IDS}")), storage.decode(stored)
