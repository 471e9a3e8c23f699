"""Recall is measured by what was written."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.export import recall as recall_module
from gnn_search.export.recall import measure_recall
from gnn_search.export.source import ExportSource, VectorTable
from gnn_search.export.storage import Storage
from gnn_search.index.flat import FlatIndex
from gnn_search.index.store import save_index


def unit(random: np.random.Generator, rows: int) -> np.ndarray:
    vectors = random.normal(size=(rows, 12))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def source_of(products: np.ndarray, storage: Storage) -> ExportSource:
    return ExportSource(None, None, VectorTable(pl.DataFrame({"product_id": range(len(products))}), products), {}, storage, 1)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def vectors():
    random = np.random.default_rng(0)
    return unit(random, 3000), unit(random, 700)


@pytest.mark.parametrize("block", [16_384, 64])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_share_of_the_true_ones_that_are_found(vectors, dtype, block, monkeypatch, tmp_path):
    monkeypatch.setattr(recall_module, "BLOCK_VECTORS", block)
    products, queries = vectors
    storage = Storage.fit(dtype, [products])
    index = FlatIndex.build(products)
    save_index(index, tmp_path / "index", pl.Series("product_id", range(3000)))
    found = measure_recall(source_of(products, storage), queries, tmp_path / "index")
    asked = queries[np.unique(np.linspace(0, 699, 500).astype(int))]
    assert found.queries == len(asked) == 500
    assert found.index == {"10": 1.0, "100": 1.0}
    for depth in (10, 100):
        true = np.argsort(-(asked @ products.T), axis=1)[:, :depth]
        near = np.argsort(-(asked @ storage.decode(storage.encode(products)).T), axis=1)[:, :depth]
        share = np.mean([len(set(a) & set(b)) / depth for a, b in zip(true, near, strict=True)])
        assert found.stored[str(depth)] == pytest.approx(share, abs=1e-3)
    assert found.stored["10"] == 1 if dtype == "float32" else 0.9 < found.stored["10"] < 1


def test_a_bad_index_is_seen(vectors, tmp_path):
    products, queries = vectors
    save_index(FlatIndex.build(np.roll(products, 1, axis=0)), tmp_path / "index", pl.Series("product_id", range(3000)))
    found = measure_recall(source_of(products, Storage()), queries, tmp_path / "index")
    assert found.index is not None
    assert found.index["10"] < 0.1


def test_products_that_are_alike_are_as_good_as_each_other(vectors):
    products, queries = vectors
    twice = np.repeat(products[:200], 3, axis=0)
    assert measure_recall(source_of(twice, Storage()), queries, None).stored == {"10": 1.0, "100": 1.0}


def test_small_and_empty(vectors):
    products, queries = vectors
    assert measure_recall(source_of(products[:4], Storage()), queries[:1], None).stored == {"4": 1.0}
    for few, asked in ((products[:0], queries), (products, queries[:0]), (products, np.zeros((3, 12), np.float32))):
        assert measure_recall(source_of(few, Storage()), asked, None).queries == 0
