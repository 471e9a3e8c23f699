"""An export holds the shop's own ids and the model's vectors, and says what it is."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import OutputExistsError
from gnn_search.export.manifest import ExportManifest
from gnn_search.export.reader import open_export
from gnn_search.export.write import export_model
from gnn_search.index.store import open_flat_index
from gnn_search.layout import ExportLayout, hash_files, read_json
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

ID_COLUMNS = {"product": "product_id", "user": "user_id", "query": "query", "category": "category_id"}


@pytest.fixture(scope="module")
def exported(tiny_model, tmp_path_factory):
    model = open_model(tiny_model)
    shop = open_node_embeddings(model)
    out = tmp_path_factory.mktemp("export") / "out"
    return model, shop, ExportLayout(out), export_model(model, shop, out)


@pytest.mark.parametrize("node_type", ID_COLUMNS)
def test_ids_and_vectors_round_trip(exported, node_type):
    model, shop, layout, _ = exported
    keys, vectors = open_export(layout.root).read(node_type)
    assert keys.columns == [ID_COLUMNS[node_type]]
    assert keys.to_series().equals(model.graph.nodes(node_type).to_series(0), check_dtypes=True)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, shop.vectors[node_type])


def test_ids_are_of_both_types_and_not_only_ascii(exported):
    export = open_export(exported[2].root)
    assert export.read("user")[0].schema["user_id"] == pl.Int64
    assert not all(text.isascii() for text in export.read("query")[0]["query"])


def test_every_vector_has_length_one_or_is_counted_as_zero(exported):
    _, _, layout, manifest = exported
    for node_type in ID_COLUMNS:
        length = np.linalg.norm(open_export(layout.root).read(node_type)[1], axis=1)
        zero = length == 0
        assert np.allclose(length[~zero], 1, atol=1e-5)
        assert manifest.zero_vectors[node_type] == zero.sum()
        assert manifest.counts[node_type] == len(length)


def test_index_holds_the_products(exported):
    model, shop, layout, _ = exported
    index = open_flat_index(layout.index)
    assert index.ids is not None
    assert index.ids.to_list() == model.graph.nodes("product")["product_id"].to_list()
    score, _ = index.search(shop.vectors["product"], 1)
    assert np.allclose(score, 1, atol=1e-5)


def test_manifest_says_where_it_comes_from_and_what_is_there(exported):
    model, _, layout, manifest = exported
    assert ExportManifest.model_validate(read_json(layout.manifest, "an export")) == manifest
    assert (manifest.model_hash, manifest.graph_hash) == (model.manifest.hash, model.graph.manifest.hash)
    assert (manifest.dimension, manifest.metric, manifest.dtype, manifest.norm) == (16, "inner_product", "float32", 1.0)
    there = {path.relative_to(layout.root).as_posix() for path in layout.root.rglob("*") if path.is_file()}
    assert there == {*manifest.files, "manifest.json"}
    for name, file in manifest.files.items():
        assert (layout.root / name).stat().st_size == file.bytes
        assert hash_files([layout.root / name]) == file.hash


def test_does_not_write_over_another(exported):
    model, shop, layout, _ = exported
    with pytest.raises(OutputExistsError, match="already exists; give another --out"):
        export_model(model, shop, layout.root)
