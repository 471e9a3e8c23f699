"""Products of a file are encoded as the graph's are without a neighbour and a ID embedding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from rich_shop import PARTS, write_rich_shop
from shops import build
from towers import random_towers, tiny_config

from gnn_search.errors import TableError
from gnn_search.graph.store import Graph
from gnn_search.model.features import Features
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.inputs import InputSampler
from gnn_search.trained.model import Model, open_model
from gnn_search.vectors.embed import Embedder
from gnn_search.vectors.new_products import read_new_products


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return write_rich_shop(tmp_path_factory.mktemp("new") / "shop")


@pytest.fixture(scope="module")
def graph(shop) -> Graph:
    return build(shop, shop.parent.parent / "graph")


def model_of(graph: Graph, **changes) -> Model:
    """Return a model with random weights, without a folder."""
    config = tiny_config(**{**PARTS, **changes})
    towers = random_towers(graph, config)
    return Model(Path(), None, config, graph, Features(graph), towers, InputSampler(graph, config), None, None)


def encoder_of(model: Model) -> NodeEncoder:
    return NodeEncoder(model.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))


@pytest.mark.parametrize("without", [None, "text", "category", "numeric", "attributes", "brand", "id_embedding", "degree"])
def test_a_product_of_the_graph_gets_the_vector_that_it_has_without_neighbours(shop, graph, without):
    product = PARTS["product"] if without is None else {**PARTS["product"], without: False}
    model = model_of(graph, product=product, user={**PARTS["user"], "brands": without != "brand"})
    new = read_new_products(model, shop.parent / "products.parquet")
    assert new.product_id.equals(graph.nodes("product")["product_id"])
    found = encoder_of(model).encode_new_products(new.facts)
    everything = np.arange(40, dtype=np.int32)
    with torch.no_grad():
        bases = model.towers.product_bases(everything, torch.zeros(40, dtype=torch.bool))
        alone = model.towers.product(model.inputs.unconnected_products(40), bases, bases[:0], np.empty(0, np.int32), bases)
    torch.testing.assert_close(found, alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(40))
    assert len(np.unique(found.numpy().round(4), axis=0)) > 30


def test_before_anybody_chose_anything_all_products_are_new(tmp_path):
    """Related products are the only neighbours that have no time."""
    recipe = write_rich_shop(tmp_path / "shop")
    graph = build(recipe, tmp_path / "graph")
    model = model_of(graph, product={**PARTS["product"], "related": 0})
    encoder = NodeEncoder(model.towers, model.inputs, graph.before(graph.manifest.time_first))
    new = read_new_products(model, recipe.parent / "products.parquet")
    torch.testing.assert_close(encoder.encode_new_products(new.facts), encoder.products, rtol=0, atol=1e-6)


NEW = {
    "product_id": ["N1", "N2", "P003", "N4"],
    "title": ["red bread 1", "☃☃☃", "small cake", "fresh tea"],
    "brand": ["acme", None, "unheard of", "nord"],
    "category_path": [["food", "bakery", "bread"], None, ["food", "bakery", "pie", "apple pie"], ["garden", "spades"]],
    "size": ["1 kg", None, "3 m", None],
    "price": [3.5, None, 1e9, 4.0],
    "region": ["north", None, "mars", None],
    "town": [None, None, None, "Bo"],
}


def test_what_the_graph_does_not_hold_is_counted(graph, tmp_path):
    pl.DataFrame(NEW, schema_overrides={"category_path": pl.List(pl.String)}).write_parquet(tmp_path / "new.parquet")
    new = read_new_products(model_of(graph), tmp_path / "new.parquet")
    counts = (new.read, new.set_aside, new.placed_higher, new.in_no_category, new.unknown)
    assert counts == (4, {}, 1, 2, 1)
    paths = graph.nodes("category")["path"].to_list()
    held = [[paths[category] for category in way] for way in np.split(new.facts.path, new.facts.path_indptr[1:-1])]
    assert held == [["food > bakery > bread", "food > bakery", "food"], [], ["food > bakery", "food"], []]
    assert new.facts.brands.code.tolist() == [[0], [-1], [-1], [1]]


def test_a_product_of_which_nothing_is_known_has_a_defined_vector(graph, tmp_path):
    rows = pl.DataFrame(NEW, schema_overrides={"category_path": pl.List(pl.String)})[[1]]
    rows.write_parquet(tmp_path / "new.parquet")
    model = model_of(graph, product={**PARTS["product"], "numeric": False})
    found = encoder_of(model).encode_new_products(read_new_products(model, tmp_path / "new.parquet").facts)[0]
    shared = model.towers.product.new.detach()
    torch.testing.assert_close(found, shared / shared.norm(), rtol=0, atol=1e-6)
    without = model_of(graph, product={**PARTS["product"], "numeric": False, "id_embedding": False})
    nothing = encoder_of(without).encode_new_products(read_new_products(without, tmp_path / "new.parquet").facts)[0]
    assert torch.equal(nothing, torch.zeros(16))


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_other_formats_say_the_same(tiny_model, tiny_shop, tmp_path, suffix):
    """The tiny shop's own products, their paths as text in CSV."""
    products = pl.read_parquet(tiny_shop.parent / "products.parquet").with_columns(pl.col("category_path").list.join(" > "))
    path = tmp_path / f"products.{suffix}"
    products.write_csv(path) if suffix == "csv" else products.write_ndjson(path)
    embedder = Embedder(open_model(tiny_model))
    found, counts = embedder.products(path)
    wanted, _ = embedder.products(tiny_shop.parent / "products.parquet")
    assert found.equals(wanted)
    assert (counts.vectors, counts.in_graph, counts.zero_vectors) == (40, 40, 0)


def test_what_can_not_be_used_is_told(tiny_model, tiny_shop, tmp_path):
    model, products = open_model(tiny_model), pl.read_parquet(tiny_shop.parent / "products.parquet")
    with pytest.raises(TableError, match=r"there is no file .*none.parquet; give one with the products, a row each"):
        read_new_products(model, tmp_path / "none.parquet")
    products.drop("price").write_parquet(tmp_path / "lacking.parquet")
    with pytest.raises(TableError, match="lacks the column 'price'"):
        read_new_products(model, tmp_path / "lacking.parquet")
    products.with_columns(title=pl.lit("")).write_parquet(tmp_path / "untitled.parquet")
    with pytest.raises(TableError, match="no title: 40"):
        read_new_products(model, tmp_path / "untitled.parquet")
