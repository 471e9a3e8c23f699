"""Boosts are made of training alone, follow the moment, and are saved so that damage shows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from models import write_model
from shops import build

from gnn_search.errors import ArtefactError, OutputExistsError, RequestError
from gnn_search.index.boosting.boost import Boost, build_boost, open_boost, save_boost
from gnn_search.trained.model import open_model

NAMES = ["popularity", "price", "recency", "conversion"]


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


@pytest.fixture(scope="module")
def boost(model) -> Boost:
    plain = build_boost(model.graph, NAMES)
    weights = {action: np.linspace(-0.1, 0.3, 8, dtype=np.float32) / (1 + place) for place, action in enumerate(("click", "purchase"))}
    return replace(plain, weights=weights)


@pytest.fixture
def saved(boost, model, tmp_path):
    save_boost(tmp_path / "boost", boost, model, {"seed": 0})
    return tmp_path / "boost"


def test_dimensions_and_sources(boost):
    assert boost.dimensions[:4] == ("popularity, high", "popularity, low", "price, high", "price, low")
    assert [one.source for one in boost.qualities] == ["log", "products", "log", "log"]
    assert boost.quality.shape == (40, 8)


def test_the_best_products_get_the_most(boost, model):
    price = model.graph.nodes("product")["price"].to_numpy()
    assert boost.quality[price.argmax(), 2:4].tolist() == [1.0, 0.0]
    assert boost.quality[price.argmin(), 2:4].tolist() == [0.0, 1.0]


def test_it_knows_nothing_that_came_after_training(tiny_shop, boost, tmp_path):
    folder = tmp_path / "earlier"
    folder.mkdir()
    for file in tiny_shop.parent.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    events = pl.read_parquet(folder / "events.parquet")
    later = events["timestamp"] >= pl.lit("2024-02-14").str.to_datetime()
    assert 0 < events.filter(later).height < events.height
    # Whatever is chosen later, f(p) of training stays.
    changed = events.with_columns(product_id=pl.when(later).then(pl.lit("P007")).otherwise("product_id"))
    changed.write_parquet(folder / "events.parquet")
    other = build_boost(build(folder / tiny_shop.name, tmp_path / "graph"), NAMES)
    np.testing.assert_array_equal(other.quality, boost.quality)
    assert other.qualities == boost.qualities


def test_at_another_time_the_log_counts_anew_and_columns_stay(boost, model):
    view = model.graph.before(model.graph.manifest.test_start)
    then = boost.at(view)
    assert then.as_of == view.time
    assert (then.quality != boost.quality)[:, [0, 1, 4, 5]].any()
    np.testing.assert_array_equal(then.quality[:, 2:4], boost.quality[:, 2:4])
    back = then.at(model.graph.before(boost.as_of))
    np.testing.assert_array_equal(back.quality, boost.quality)
    assert boost.at(model.graph.before(boost.as_of)) is boost


def test_a_log_that_grows_does_not_move_all_products_at_once(make_graph):
    """Most products are chosen once; later sales of another one leave them where they are."""
    products = [(f"p{place}", "a", None, None) for place in range(5)]
    days = [(place, 1) for place in range(4)] + [(4, day) for day in (2, 3, 4, 5, 11, 12, 13, 14, 15, 21)]
    graph = make_graph(products, [("ann", "a", f"p{place}", day, "purchase", f"s{day}", "broad") for place, day in days])
    boost = build_boost(graph, ["popularity"])
    assert boost.quality[:4].tolist() == [[boost.quality[0, 0], 0.0]] * 4
    np.testing.assert_array_equal(boost.at(graph.before(graph.manifest.test_start)).quality, boost.quality)


def test_what_is_saved_is_opened(saved, boost, model):
    opened = open_boost(saved, model)
    np.testing.assert_array_equal(opened.quality, boost.quality)
    assert opened.qualities == boost.qualities
    assert opened.as_of == boost.as_of
    assert {action: weights.tobytes() for action, weights in opened.weights.items()} == {
        action: weights.tobytes() for action, weights in boost.weights.items()
    }
    assert pl.read_parquet(saved / "ids.parquet")["product_id"].to_list() == model.graph.nodes("product")["product_id"].to_list()


def test_the_same_boost_gives_the_same_bytes(saved, boost, model, tmp_path):
    save_boost(tmp_path / "again", boost, model, {"seed": 0})
    for file in saved.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


def test_damage_shows(saved, model):
    quality = np.load(saved / "quality.npy")
    quality[0, 0] += 0.1
    np.save(saved / "quality.npy", quality)
    with pytest.raises(ArtefactError, match="damaged: its files differ from those that were written; run 'gnn-search boost' again"):
        open_boost(saved, model)
    (saved / "quality.npy").unlink()
    with pytest.raises(ArtefactError, match=r"damaged: quality\.npy is missing"):
        open_boost(saved, model)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("weights", {"click": [1.0] * 8, "purchase": [0.0] * 8}, "its files differ"),
        ("format_version", 99, "is of format version 99, this program reads 3"),
        ("as_of", "soon", r"damaged \('as_of'"),
        ("graph_hash", "other", "was fitted to another graph"),
    ],
)
def test_a_changed_manifest_shows(saved, model, key, value, fault):
    content = json.loads((saved / "boost.json").read_text(encoding="utf-8"))
    (saved / "boost.json").write_text(json.dumps({**content, key: value}), encoding="utf-8")
    with pytest.raises(ArtefactError, match=fault):
        open_boost(saved, model)


def test_another_model_is_refused(saved, model, tmp_path):
    other = open_model(write_model(model.graph, tmp_path / "other", seed=1))
    with pytest.raises(ArtefactError, match="was fitted to another model"):
        open_boost(saved, other)


def test_a_folder_that_is_no_boost(tmp_path, model):
    with pytest.raises(ArtefactError, match=r"is not a boost folder: boost\.json is missing"):
        open_boost(tmp_path, model)


def test_it_does_not_write_over_another(saved, boost, model):
    with pytest.raises(OutputExistsError, match="already exists"):
        save_boost(saved, boost, model, {})


def test_what_cannot_be_built(model, tmp_path):
    with pytest.raises(RequestError, match="at least one quality"):
        build_boost(model.graph, [])
    with pytest.raises(RequestError, match="'price' is named more than once"):
        build_boost(model.graph, ["price", "recency", "price"])
    pl.DataFrame({"product_id": ["P000"], "stars": pl.Series([None], dtype=pl.Float64)}).write_parquet(tmp_path / "stars.parquet")
    with pytest.raises(RequestError, match="no product with an interaction before validation has a value of 'stars'"):
        build_boost(model.graph, ["stars"], tmp_path / "stars.parquet")
    with pytest.raises(RequestError, match=r"no quality is read from .*stars\.parquet, as the shop itself has price"):
        build_boost(model.graph, ["price"], tmp_path / "stars.parquet")
