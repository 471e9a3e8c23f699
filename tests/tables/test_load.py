from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_search.config.recipe import Recipe
from gnn_search.errors import ConfigError, TableError
from gnn_search.tables.load import ShopTables, load_shop_tables

BY_TIME = {"by": "time", "validation": "2020-01-02 00:00:00", "test": "2020-01-03 00:00:00"}
DAY = 86_400_000_000
START = 1_577_836_800_000_000
"""2020-01-01 UTC in µs."""

PRODUCTS: dict[str, list[Any]] = {"product_id": ["a", "b", "c"], "title": ["Apple", "Bread", "Cheese"]}
EVENTS: dict[str, list[Any]] = {
    "user_id": ["u", None, "v"],
    "query": [" RED  apple", "bread", "Cheese"],
    "product_id": ["a", "b", "c"],
    "timestamp": ["2020-01-03", "2020-01-01T00:00:00Z", "2020-01-02 00:00:00"],
}


def recipe(
    products: Mapping[str, Any] | None = None,
    events: Mapping[str, Any] | None = None,
    *,
    suffix: str = "parquet",
    share: float = 1.0,
    split: Mapping[str, Any] = BY_TIME,
    **tables: Mapping[str, Any],
) -> Recipe:
    named = {"products": products or {}, "events": events or {}, **tables}
    paths = {name: {"path": f"{name}.{suffix}", **table} for name, table in named.items()}
    return Recipe.model_validate({"name": "shop", "tables": paths, "split": split, "max_reject_share": share})


def write(data: Path, suffix: str = "parquet", **tables: Mapping[str, Any] | pl.DataFrame) -> None:
    for name, columns in {"products": PRODUCTS, "events": EVENTS, **tables}.items():
        frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns)
        path = data / f"{name}.{suffix}"
        {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[suffix](path)  # type: ignore[operator]


def reasons(shop: ShopTables) -> list[tuple[str, int, str]]:
    return shop.rejects.select("table", "row", "reason").rows()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_small_shop_in_every_format(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, suffix)
    shop = load_shop_tables(recipe(suffix=suffix, share=0.0), tmp_path)
    assert shop.products.to_dict(as_series=False) == PRODUCTS
    assert shop.events.to_dict(as_series=False) == {
        "user_id": [None, "v", "u"],
        "query": ["bread", "cheese", "red apple"],
        "product_id": ["b", "c", "a"],
        "time": [START, START + DAY, START + 2 * DAY],
        "action": ["purchase"] * 3,
        "weight": [1.0] * 3,
    }
    assert shop.events.schema["weight"] == pl.Float32
    assert (shop.users, shop.categories) == (None, None)
    assert shop.rejects.is_empty()
    assert shop.rows_read == {"products": 3, "events": 3}


def test_columns_are_renamed_and_optional_ones_kept(tmp_path: Path) -> None:
    products = {
        "sku": [1, 2],
        "name": ["Apple", "Bread"],
        "maker": ["Orchard", None],
        "text": ["red", None],
        "path": ["Food > Fruit >  > ", " > "],
        "colour": ["red", None],
        "price": [1.5, float("nan")],
        "also": [[2, None], None],
    }
    events = {
        "who": [7, 8],
        "what": ["x", "y"],
        "sku": [1, 2],
        "when": [1_577_836_800, 1_577_836_800],
        "kind": ["click", "cart"],
        "visit": [5, None],
        "gain": [2, 3],
        "form": [1, 2],
    }
    write(tmp_path, products=products, events=events, users={"who": [7], "age": [40]})
    named = recipe(
        {
            "product_id": "sku",
            "title": "name",
            "brand": "maker",
            "description": "text",
            "category_path": "path",
            "attributes": ["colour"],
            "numeric": ["price"],
            "related": {"also": {"timeless": True}},
        },
        {
            "user_id": "who",
            "query": "what",
            "product_id": "sku",
            "timestamp": "when",
            "action": "kind",
            "session_id": "visit",
            "weight": "gain",
            "labels": ["form"],
        },
        users={"user_id": "who", "attributes": ["age"]},
    )
    shop = load_shop_tables(named, tmp_path)
    assert shop.products.rows(named=True) == [
        {
            "product_id": 1,
            "title": "Apple",
            "brand": "Orchard",
            "description": "red",
            "category_path": ["Food", "Fruit"],
            "colour": "red",
            "price": 1.5,
            "also": [2],
        },
        {
            "product_id": 2,
            "title": "Bread",
            "brand": None,
            "description": None,
            "category_path": None,
            "colour": None,
            "price": None,
            "also": None,
        },
    ]
    assert shop.events.rows() == [(7, "x", 1, START, "click", 5, 2.0, "1"), (8, "y", 2, START, "cart", None, 3.0, "2")]
    assert shop.events.columns == ["user_id", "query", "product_id", "time", "action", "session_id", "weight", "form"]
    assert shop.users is not None
    assert shop.users.rows() == [(7, "40")]


def test_category_lists_lose_their_blanks(tmp_path: Path) -> None:
    write(tmp_path, products=PRODUCTS | {"path": [["A", " ", None, " B "], [], None]})
    shop = load_shop_tables(recipe({"category_path": "path"}), tmp_path)
    assert shop.products["category_path"].to_list() == [["A", "B"], None, None]


def test_products_that_cannot_be_used(tmp_path: Path) -> None:
    products = {
        "product_id": ["a", None, "b", "b", "c", "a", "d", ""],
        "title": ["Apple", "x", " ", "Bread", "Cheese", "Again", None, "y"],
        "price": ["1", "1", "1", "", "dear", "1", "1", "1"],
    }
    write(tmp_path, "csv", products=products, events={name: values[:2] for name, values in EVENTS.items()})
    shop = load_shop_tables(recipe({"numeric": ["price"]}, suffix="csv"), tmp_path)
    assert shop.products.rows() == [("a", "Apple", 1.0), ("b", "Bread", None)]
    assert reasons(shop) == [
        ("products", 1, "no product_id"),
        ("products", 2, "no title"),
        ("products", 4, "'price' is no number"),
        ("products", 5, "duplicate product_id"),
        ("products", 6, "no title"),
        ("products", 7, "no product_id"),
    ]
    assert [json.loads(record) for record in shop.rejects["record"][:3]] == [{"product_id": None}, {"product_id": "b"}, {"product_id": "c"}]
    assert shop.rows_read == {"products": 8, "events": 2}


def test_events_that_cannot_be_used(tmp_path: Path) -> None:
    good = {"user_id": "u", "query": "q", "product_id": "a", "timestamp": "2020-01-01", "kind": "click", "gain": 1.0, "part": "train"}
    changes: list[dict[str, Any]] = [
        {},
        {"product_id": None},
        {"product_id": "z"},
        {"query": None},
        {"query": " \u3000"},
        {"timestamp": None},
        {"timestamp": "soon"},
        {"kind": None},
        {"gain": -1.0},
        {"gain": None},
        {"gain": float("nan")},
        {"part": "dev"},
        {"part": None},
        {"product_id": "z", "query": None},
        {"user_id": None, "part": "test"},
    ]
    write(tmp_path, events=pl.DataFrame([good | change for change in changes]))
    columns = {"action": "kind", "weight": "gain", "split": "part"}
    shop = load_shop_tables(recipe(events=columns, split={"by": "column"}), tmp_path)
    assert shop.events["user_id"].to_list() == ["u", None]
    assert shop.events["split"].to_list() == ["train", "test"]
    weight, split = "weight is missing, negative or no number", "split is not train, validation or test"
    told = ["no product_id", "unknown product", "no query", "no query", "no timestamp", "unreadable timestamp", "no action"]
    told += [weight, weight, weight, split, split, "unknown product"]
    assert reasons(shop) == [("events", row, reason) for row, reason in enumerate(told, start=1)]
    assert json.loads(shop.rejects["record"][1]) == {"user_id": "u", "query": "q", "product_id": "z", "timestamp": "2020-01-01"}


def test_events_of_a_rejected_product_are_rejected_too(tmp_path: Path) -> None:
    write(tmp_path, products=PRODUCTS | {"title": ["Apple", None, "Cheese"]})
    shop = load_shop_tables(recipe(), tmp_path)
    assert reasons(shop) == [("products", 1, "no title"), ("events", 1, "unknown product")]


def test_users_that_cannot_be_used(tmp_path: Path) -> None:
    write(tmp_path, users={"user_id": ["u", None, "u", "w"], "age": ["1", "2", "3", None]})
    shop = load_shop_tables(recipe(users={"attributes": ["age"]}), tmp_path)
    assert shop.users is not None
    assert shop.users.rows() == [("u", "1"), ("w", None)]
    assert reasons(shop) == [("users", 1, "no user_id"), ("users", 2, "duplicate user_id")]


def test_categories(tmp_path: Path) -> None:
    names = ["Food", "Fruit", "Fruit", "Fruit", "", "x"]
    categories = {"category_id": [1, 2, 2, 2, 3, None], "parent_id": [None, 1, 1, 3, None, 1], "name": names}
    write(tmp_path, products=PRODUCTS | {"shelf": [2, None, 3]}, categories=categories)
    shop = load_shop_tables(recipe({"category_id": "shelf"}, categories={}), tmp_path)
    assert shop.categories is not None
    assert shop.categories.rows() == [(1, None, "Food"), (2, 1, "Fruit"), (2, 3, "Fruit")]
    assert shop.products.rows() == [("a", "Apple", 2), ("b", "Bread", None)]
    assert reasons(shop) == [
        ("categories", 2, "duplicate category_id"),
        ("categories", 4, "no name"),
        ("categories", 5, "no category_id"),
        ("products", 2, "unknown category"),
        ("events", 2, "unknown product"),
    ]


def test_events_of_one_moment_keep_their_order_over_files(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "log").mkdir()
    for part in range(3):
        rows = {"user_id": [10 * part, 10 * part + 1], "query": ["q"] * 2, "product_id": ["a"] * 2}
        pl.DataFrame(rows | {"timestamp": [1_577_836_801, 1_577_836_800]}).write_parquet(tmp_path / "log" / f"{part}.parquet")
    shop = load_shop_tables(recipe(events={"path": "log"}), tmp_path)
    assert shop.events["user_id"].to_list() == [1, 11, 21, 0, 10, 20]


def test_too_many_rejects_stop_the_build(tmp_path: Path) -> None:
    products = ["z", "y", "a", None, "x", "w"]
    write(tmp_path, events={name: values[:1] * 6 for name, values in EVENTS.items()} | {"product_id": products})
    message = (
        r"5 of 6 rows \(83\.33%\) of the events table can't be used and max_reject_share allows 50\.00% "
        r"\(unknown product: 4, no product_id: 1\); in .*events\.parquet, rows counted from 0: "
        r"row 0 \(unknown product\) \{.*\"z\".*\}; row 1 .*; row 3 \(no product_id\) [^;]*; correct the table"
    )
    with pytest.raises(TableError, match=message):
        load_shop_tables(recipe(share=0.5), tmp_path)
    assert load_shop_tables(recipe(share=0.84), tmp_path).events.height == 1


@pytest.mark.parametrize(("table", "column"), [("products", "title"), ("events", "query"), ("users", "user_id")])
def test_no_usable_row(tmp_path: Path, table: str, column: str) -> None:
    columns: dict[str, dict[str, list[Any]]] = {"products": PRODUCTS, "events": EVENTS, "users": {"user_id": ["u", "v", "w"]}}
    columns[table] = columns[table] | {column: [None] * 3}
    write(tmp_path, "parquet", **columns)
    with pytest.raises(TableError, match=rf"3 of 3 rows \(100\.00%\) of the {table} table can't be used and no usable row is left"):
        load_shop_tables(recipe(users={}), tmp_path)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_optional_columns_without_any_value(tmp_path: Path, suffix: str) -> None:
    nothing: list[Any] = [None] * 3
    products = PRODUCTS | {"brand": nothing, "colour": nothing, "price": nothing, "path": nothing}
    write(tmp_path, suffix, products=products, events=EVENTS | {"user_id": nothing, "visit": nothing, "form": nothing})
    named = recipe(
        {"brand": "brand", "attributes": ["colour"], "numeric": ["price"], "category_path": "path"},
        {"session_id": "visit", "labels": ["form"]},
        suffix=suffix,
    )
    shop = load_shop_tables(named, tmp_path)
    assert shop.products.schema == {
        "product_id": pl.String,
        "title": pl.String,
        "brand": pl.String,
        "category_path": pl.List(pl.String),
        "colour": pl.String,
        "price": pl.Float64,
    }
    assert [shop.events.schema[name] for name in ("user_id", "session_id", "form")] == [pl.String] * 3
    assert shop.events.select("user_id", "session_id", "form").null_count().row(0) == (3, 3, 3)


@pytest.mark.parametrize(
    ("column", "name", "reason"),
    [
        ("query", None, "no query"),
        ("timestamp", None, "no timestamp"),
        ("product_id", None, "no product_id"),
        ("kind", "action", "no action"),
        ("gain", "weight", "weight is missing"),
    ],
)
def test_required_columns_without_any_value(tmp_path: Path, column: str, name: str | None, reason: str) -> None:
    write(tmp_path, events=EVENTS | {column: [None] * 3})
    with pytest.raises(TableError, match=rf"no usable row is left \({reason}"):
        load_shop_tables(recipe(events={name: column} if name else {}), tmp_path)


def test_id_types_that_differ(tmp_path: Path) -> None:
    write(tmp_path, products=PRODUCTS | {"product_id": [1, 2, 3]})
    with pytest.raises(TableError, match=r"'product_id' of the products table .* holds integers and column 'product_id' of the events"):
        load_shop_tables(recipe(), tmp_path)
    write(tmp_path, users={"user_id": [1, 2]})
    with pytest.raises(TableError, match=r"'user_id' of the events table .* holds text and column 'user_id' of the users .* integers"):
        load_shop_tables(recipe(users={}), tmp_path)
    write(tmp_path, products=PRODUCTS | {"also": [[1], [], None]})
    with pytest.raises(TableError, match=r"'product_id' of the products table .* holds text and column 'also' of the products .* integers"):
        load_shop_tables(recipe({"related": {"also": {"timeless": True}}}), tmp_path)


@pytest.mark.parametrize("action", ["../../escaped", "a/b", "a\0b", "..", ".hidden", "x" * 51, "tab\tbed", "leads_to", "rev_click", "_"])
def test_an_action_that_would_lead_out_of_the_graphs_folder(tmp_path: Path, action: str) -> None:
    write(tmp_path, events={**EVENTS, "kind": ["click", "click", action]})
    with pytest.raises(
        TableError, match=r"column 'kind' of .*events\.parquet, row 2 counted from 0: the action .* can't name a relation: "
    ):
        load_shop_tables(recipe(events={"action": "kind"}), tmp_path)


@pytest.mark.parametrize("action", ["add to cart", "view:detail", "köpa", "買う", "3", "a.b-c+d & e_f", "x" * 50])
def test_actions_may_have_plain_names(tmp_path: Path, action: str) -> None:
    write(tmp_path, events={**EVENTS, "kind": action})
    assert load_shop_tables(recipe(events={"action": "kind"}), tmp_path).events["action"].unique().to_list() == [action]


def test_no_data_folder(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"the data folder .*nowhere does not exist"):
        load_shop_tables(recipe(), tmp_path / "nowhere")


def test_a_missing_table_is_told_before_any_is_read(tmp_path: Path) -> None:
    (tmp_path / "products.parquet").write_bytes(b"damaged")
    with pytest.raises(TableError, match=r"no file for the events table"):
        load_shop_tables(recipe(), tmp_path)


def test_recipe_faults_that_only_the_tables_show(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(ConfigError, match=r"tables\.products\.category_id needs tables\.categories"):
        load_shop_tables(recipe({"category_id": "shelf"}), tmp_path)
    with pytest.raises(ConfigError, match=r"two columns of the events table would be called 'query' \(tables\.events\.query, tables"):
        load_shop_tables(recipe(events={"labels": ["query"]}), tmp_path)


IDS = st.one_of(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=8, unique=True),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8, unique=True),
)


@settings(max_examples=40, deadline=None)
@given(products=IDS, users=IDS, suffix=st.sampled_from(["parquet", "jsonl"]))
def test_ids_come_back_as_they_were_given(products: list[Any], users: list[Any], suffix: str) -> None:
    check_round_trip(products, users, suffix)


@settings(max_examples=40, deadline=None)
@given(products=IDS, users=IDS)
def test_ids_come_back_from_csv(products: list[Any], users: list[Any]) -> None:
    check_round_trip(products, users, "csv")


def check_round_trip(products: list[Any], users: list[Any], suffix: str) -> None:
    pairs = [(user, product) for user in users for product in products]
    events = {
        "user_id": [user for user, _ in pairs],
        "query": ["q"] * len(pairs),
        "product_id": [product for _, product in pairs],
        "timestamp": ["2020-01-01"] * len(pairs),
    }
    with tempfile.TemporaryDirectory() as folder:
        titles = ["t"] * len(products)
        write(Path(folder), suffix, products={"product_id": products, "title": titles}, events=events, users={"user_id": users})
        shop = load_shop_tables(recipe(suffix=suffix, share=0.0, users={}), Path(folder))
    assert shop.users is not None
    # From CSV a column of integers and one of digits look the same; either way the same text is written out.
    same = str if suffix == "csv" else lambda value: value
    assert [same(value) for value in shop.products["product_id"]] == [same(value) for value in products]
    assert [same(value) for value in shop.users["user_id"]] == [same(value) for value in users]
    assert [(same(user), same(product)) for user, product in shop.events.select("user_id", "product_id").rows()] == [
        (same(user), same(product)) for user, product in pairs
    ]
