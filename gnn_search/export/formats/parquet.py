"""Vectors beside their ids, as parquet: any table of the source, in parts."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gnn_search.arrays import Float32
from gnn_search.export.source import ExportSource, vector_series
from gnn_search.export.storage import Storage
from gnn_search.layout import shard
from gnn_search.vectors.embed import VECTOR_COLUMN

SUFFIX = "parquet"


def write_parquet(source: ExportSource, folder: Path) -> None:
    """Write `NAME-NNNNN.parquet`: the ids, and `vector`, a list of fixed size."""
    for name, table in source.tables.items():
        for number, (keys, stored) in enumerate(source.shards(table)):
            keys.with_columns(vector_series(stored)).write_parquet(shard(folder, name, number, SUFFIX))


def read_parquet(file: Path, storage: Storage) -> tuple[pl.DataFrame, Float32]:
    """Read one part: its ids and its vectors, float32 [rows, d]."""
    frame = pl.read_parquet(file)
    return frame.drop(VECTOR_COLUMN), storage.decode(frame[VECTOR_COLUMN].to_numpy())
