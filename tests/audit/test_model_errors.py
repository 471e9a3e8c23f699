"""Faults planted in a model, one at a time: each is found and named, and no other error is reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from models import write_model
from planting import change_vectors, change_weights, seal_model
from rich_shop import write_rich_shop
from shops import build

from gnn_search.audit.check import Finding
from gnn_search.audit.run import audit
from gnn_search.config.training import TextSettings
from gnn_search.errors import ArtefactError
from gnn_search.graph.store import Graph
from gnn_search.graph.texts import node_texts
from gnn_search.layout import ModelLayout, read_json, write_json
from gnn_search.model.codes import quantile_borders
from gnn_search.model.tokens import train_tokenizer


def only_error(graph: Graph, model: Path, check: str) -> Finding:
    errors = audit(graph, model).of("error")
    assert [finding.check for finding in errors] == [check], errors
    assert 1 <= len(errors[0].examples) <= 3
    return errors[0]


def test_the_clean_model_gives_neither_error_nor_warning(clean_graph, clean_model):
    report = audit(clean_graph, clean_model)
    assert report.of("error", "warning") == []
    assert report.model == str(clean_model)
    assert {"other-graph", "unit-vectors", "tokenizer", "quantiles", "id-embeddings", "finite-weights"} <= set(report.clean)
    assert report.skipped == {}


def test_a_model_of_another_graph(clean_model, tiny_graph):
    report = audit(tiny_graph, clean_model)
    assert [finding.check for finding in report.of("error")] == ["other-graph"]
    assert report.skipped["unit-vectors"] == "the model was trained on another graph"
    assert "tokenizer" in report.skipped


@pytest.mark.parametrize("node_type", ["product", "user"])
@pytest.mark.parametrize(("value", "message"), [(np.nan, "hold NaN"), (np.inf, "hold NaN"), (0.5, "are not of unit length")])
def test_vectors_that_are_none(clean_graph, model, node_type, value, message):
    def spoil(vectors: np.ndarray) -> np.ndarray:
        vectors[2] = value
        return vectors

    change_vectors(model, node_type, spoil)
    found = only_error(clean_graph, model, "unit-vectors")
    assert found.count == 1
    assert message in found.meaning
    assert found.examples[0] == ({"product_id": "P002"} if node_type == "product" else {"user_id": 3})


def test_products_that_no_query_finds(clean_graph, model):
    tested = clean_graph.examples("test")["product"][0]

    def forget(vectors: np.ndarray) -> np.ndarray:
        vectors[tested] = 0
        return vectors

    change_vectors(model, "product", forget)
    found = only_error(clean_graph, model, "zero-vectors")
    assert found.examples == ({"product_id": clean_graph.nodes("product")["product_id"][tested]},)


def test_weights_that_are_no_numbers(clean_graph, model):
    change_weights(model, "text.tokens", lambda table: np.where(table == table[3, 3], np.nan, table).astype(np.float32))
    assert only_error(clean_graph, model, "finite-weights").examples == ({"tensor": "text.tokens"},)


def test_a_tokenizer_that_was_trained_on_later_queries(clean_graph, model):
    queries = node_texts(clean_graph, "query")
    texts = [*node_texts(clean_graph, "product"), *clean_graph.nodes("category")["name"], *queries]
    later = train_tokenizer(texts, TextSettings(vocabulary=200, max_tokens=8))
    ModelLayout(model).tokenizer.write_text(later.to_str(), encoding="utf-8")
    seal_model(model)
    found = only_error(clean_graph, model, "tokenizer")
    assert all(str(example["token"]) in "quokka" for example in found.examples)


def test_a_tokenizer_that_cannot_be_made_again_is_a_warning(clean_graph, model):
    other = train_tokenizer(node_texts(clean_graph, "product"), TextSettings(vocabulary=200, max_tokens=8))
    ModelLayout(model).tokenizer.write_text(other.to_str(), encoding="utf-8")
    seal_model(model)
    report = audit(clean_graph, model)
    assert report.of("error") == []
    assert [finding.check for finding in report.of("warning")] == ["tokenizer"]


def test_quantiles_of_later_products(tmp_path):
    graph = build(write_rich_shop(tmp_path / "shop"), tmp_path / "graph")
    model = write_model(graph, tmp_path / "model")
    content = read_json(ModelLayout(model).manifest, "a model")
    assert content["quantiles"] == quantile_borders(graph, 16)
    assert audit(graph, model).of("error") == []
    moved = [border + 1 for border in content["quantiles"]["price"]]
    seal_model(model, quantiles={"price": moved})
    found = only_error(graph, model, "quantiles")
    assert found.count == 15
    assert found.examples[0]["column"] == "price"
    assert "but of those with interactions in any" not in found.meaning


def test_quantiles_fitted_on_what_sells_later(tmp_path):
    shop = write_rich_shop(tmp_path / "shop")
    content = yaml.safe_load(shop.read_text(encoding="utf-8"))
    table = tmp_path / "shop" / "events.parquet"
    events = pl.read_parquet(table).sort("timestamp")
    # Only cheap products sell in the training period.
    dear = pl.read_parquet(tmp_path / "shop" / "products.parquet").filter(pl.col("price") > 20)["product_id"]
    events = events.filter((pl.col("timestamp") >= content["split"]["validation"]) | ~pl.col("product_id").is_in(dear.implode()))
    events.write_parquet(table)
    graph = build(shop, tmp_path / "graph")
    model = write_model(graph, tmp_path / "model")
    # Borders as they come out when training lasts almost to the end of the log.
    content["split"] |= {"validation": events["timestamp"][-2], "test": events["timestamp"][-1]}
    shop.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    later = quantile_borders(build(shop, tmp_path / "later"), 16)
    assert later != quantile_borders(graph, 16)
    seal_model(model, quantiles=later)
    assert "the model knows which products sell later" in only_error(graph, model, "quantiles").meaning


def test_a_free_vector_of_a_query_that_came_later(clean_graph, model):
    queries = clean_graph.nodes("query")["query"].to_list()
    later = queries.index("quokka quokka quokka")

    def learn(table: np.ndarray) -> np.ndarray:
        table[later, 0] = 0.1
        return table

    change_weights(model, "query.id_embedding.weight", learn)
    assert only_error(clean_graph, model, "id-embeddings").examples == ({"query": "quokka quokka quokka"},)


def test_vectors_that_know_the_test_period(clean_graph, model):
    info = ModelLayout(model).node_embeddings / "vectors.json"
    write_json(info, {**read_json(info, "vectors"), "as_of": clean_graph.manifest.time_last})
    assert "also those of the test period" in only_error(clean_graph, model, "vectors-as-of").meaning


def test_vectors_of_another_model(clean_graph, model):
    info = ModelLayout(model).node_embeddings / "vectors.json"
    write_json(info, {**read_json(info, "vectors"), "model_hash": "another"})
    assert "were made by another model" in only_error(clean_graph, model, "vectors-as-of").meaning


def test_a_model_without_vectors(clean_graph, tmp_path):
    report = audit(clean_graph, write_model(clean_graph, tmp_path / "model", vectors=False))
    assert report.of("error") == []
    assert report.skipped["unit-vectors"].startswith("the model folder holds no vectors")


def test_damaged_files_are_no_findings(clean_graph, model):
    (ModelLayout(model).node_embeddings / "product.npy").write_bytes(b"\0" * 100)
    with pytest.raises(ArtefactError, match=r"product\.npy is damaged"):
        audit(clean_graph, model)
    ModelLayout(model).weights.write_bytes(b"")
    with pytest.raises(ArtefactError, match="its files differ from those that were written"):
        audit(clean_graph, model)
