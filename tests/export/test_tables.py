"""The formats of tables: the shop's own ids and the vectors round-trip, whatever the kind of number and the size of the files."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from gnn_search.export.reader import open_export
from gnn_search.export.settings import NODES, TABLE_FORMATS

DTYPES = {"float32": pl.Float32, "float16": pl.Float16, "int8": pl.Int8}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shard_bytes", [64_000_000, 150, 1])
def test_round_trip(awkward, dtype, shard_bytes):
    export = open_export(awkward.export(formats=TABLE_FORMATS, dtype=dtype, shard_bytes=shard_bytes))
    assert export.manifest.dtype == dtype
    for form in TABLE_FORMATS:
        for name in NODES:
            keys, vectors = export.read(name, form)
            assert keys.to_series().equals(awkward.model.graph.nodes(name).to_series(0), check_dtypes=True, check_names=True)
            step = {"float32": 0, "float16": 2**-11, "int8": export.manifest.scale * 0.5001}[dtype]
            assert np.abs(vectors - awkward.shop.vectors[name]).max() <= step


@pytest.mark.parametrize("dtype", DTYPES)
def test_parts_are_no_larger_than_asked(awkward, dtype):
    out = awkward.export(formats=TABLE_FORMATS, nodes=("product",), dtype=dtype, shard_bytes=150)
    rows = 150 // (16 * np.dtype(dtype).itemsize)
    files = sorted((out / "npy").glob("product-*.npy"))
    lengths = [len(np.load(file)) for file in files]
    assert sum(lengths) == 12
    assert set(lengths[:-1]) == {rows}
    assert [file.name for file in files] == [f"product-{number:05d}.npy" for number in range(len(files))]


@pytest.mark.parametrize("dtype", DTYPES)
def test_as_other_programs_read_them(awkward, dtype):
    out = awkward.export(formats=TABLE_FORMATS, dtype=dtype)
    table = pl.read_parquet(out / "parquet" / "query-*.parquet")
    assert table.columns == ["query", "vector"]
    assert table.schema["vector"] == pl.Array(DTYPES[dtype], 16)
    array = np.load(out / "npy" / "query-00000.npy", allow_pickle=False)
    assert array.dtype == dtype
    assert np.array_equal(array, table["vector"].to_numpy())
    assert np.array_equal(load_file(out / "safetensors" / "query-00000.safetensors")["vector"], array)
    for folder in ("npy", "safetensors"):
        assert pl.read_parquet(out / folder / "query-00000.ids.parquet").equals(table.drop("vector"))


def test_only_the_nodes_that_were_asked_for(awkward):
    export = open_export(awkward.export(formats=("npy",), nodes=("user",)))
    assert set(export.manifest.counts) == {"user"}
    assert {path.name for path in (export.path / "npy").iterdir()} == {"user-00000.npy", "user-00000.ids.parquet"}
