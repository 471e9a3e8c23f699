"""Building whole graphs: ids round-trip, both directions agree, equal input gives equal bytes, and failure leaves nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shops import DAY, build, write_recipe, write_tiny_shop

from gnn_search.config.recipe import Recipe
from gnn_search.errors import OutputExistsError, TableError, TaxonomyError
from gnn_search.graph import build as build_module
from gnn_search.graph.build import build_graph
from gnn_search.graph.store import Graph
from gnn_search.tables.text import normalise_text

SPLIT = {"by": "time", "validation": "1970-01-11 00:00:00", "test": "1970-01-12 00:00:00"}
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=4)
QUERY = TEXT.filter(lambda text: normalise_text(text) != "")


def write_shop(folder: Path, products: dict[str, Any], events: dict[str, Any], **options: Any) -> Path:
    """Write a shop from columns; `events` holds days instead of timestamps."""
    events = {**events, "timestamp": [day * DAY for day in events.pop("day")]}
    schema = {"timestamp": pl.Datetime("us"), "user_id": events.pop("user_type", pl.String)}
    pl.DataFrame(products, schema_overrides={"category_path": pl.List(pl.String)}).write_parquet(folder / "products.parquet")
    pl.DataFrame(events, schema_overrides=schema).write_parquet(folder / "events.parquet")
    tables = {"products": options.pop("columns", {}), "events": {name: name for name in ("action", "session_id") if name in events}}
    for name, table in options.pop("tables", {}).items():
        table.write_parquet(folder / f"{name}.parquet")
        tables[name] = {"attributes": ["age"]} if name == "users" else {}
    return write_recipe(folder, tables, SPLIT, **options)


def smallest(folder: Path, **options: Any) -> Path:
    """One product, three events."""
    events = {"user_id": ["u", "u", None], "query": ["q", "r", "q"], "product_id": ["a"] * 3, "day": [1, 10, 11]}
    products = {"product_id": ["a"], "title": ["A"], **options.pop("products", {})}
    return write_shop(folder, products, {**events, **options.pop("events", {})}, **options)


def edges_of(graph: Graph, edge_type: tuple[str, str, str]) -> Counter[tuple[Any, ...]]:
    row, index, time, weight = graph.before(2**62).edges(edge_type).flatten()
    moments = [None] * len(row) if time is None else time.tolist()
    return Counter(zip(index.tolist(), row.tolist(), moments, weight.tolist(), strict=True))


@st.composite
def shops(draw) -> tuple[dict[str, Any], dict[str, Any], pl.DataFrame | None]:
    integers = draw(st.booleans())
    some_id = st.integers(-(2**40), 2**40) if integers else TEXT
    ids = draw(st.lists(some_id, min_size=1, max_size=6, unique=True))
    people = draw(st.lists(some_id, max_size=4, unique=True))
    products: dict[str, Any] = {"product_id": ids, "title": ["t"] * len(ids)}
    paths = st.none() | st.lists(st.sampled_from(["a", "b", "ü"]), min_size=1, max_size=3)
    products["category_path"] = draw(st.lists(paths, min_size=len(ids), max_size=len(ids)))
    event = st.tuples(st.sampled_from([None, *people]), QUERY, st.sampled_from(ids), st.integers(0, 9), st.sampled_from(["view", "buy"]))
    rows = draw(st.lists(event, max_size=12))
    rows += rows[: draw(st.integers(0, len(rows)))]  # duplicates
    for day in (0, 10, 11):
        rows.append((draw(st.sampled_from([None, *people])), draw(QUERY), ids[0], day, "buy"))
    rows = draw(st.permutations(rows))
    names = ("user_id", "query", "product_id", "day", "action")
    events: dict[str, Any] = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    events["session_id"] = draw(st.lists(st.sampled_from([None, "s", "t"]), min_size=len(rows), max_size=len(rows)))
    events["user_type"] = pl.Int64 if integers else pl.String
    listed = draw(st.lists(some_id, min_size=1, max_size=3, unique=True)) if draw(st.booleans()) else None
    users = None if listed is None else pl.DataFrame({"user_id": listed, "age": ["x"] * len(listed)})
    return products, events, users


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(shops())
def test_whatever_the_shop_ids_and_events_come_back(shop):
    products, columns, users = shop
    events = {name: list(values) if isinstance(values, list) else values for name, values in columns.items()}
    with tempfile.TemporaryDirectory() as folder:
        tables = {} if users is None else {"users": users}
        path = {"columns": {"category_path": "category_path"}, "tables": tables, "edges": {"bought_with": {"min_count": 1}}}
        graph = build(write_shop(Path(folder), products, dict(columns), **path), Path(folder) / "graph")
        user_id, product_id, query = (graph.nodes(kind).to_series(0).to_list() for kind in ("user", "product", "query"))
        assert product_id == products["product_id"]
        assert set(query) == {normalise_text(text) for text in events["query"]}
        assert len(set(query)) == len(query)
        listed = [] if users is None else users["user_id"].to_list()
        assert user_id[: len(listed)] == listed
        assert set(user_id) == {*listed, *events["user_id"]} - {None}
        found = pl.concat([graph.examples(split) for split in ("train", "validation", "test")])
        rows = [
            (None if user is None else user_id[user], query[asked], product_id[product], time // DAY, action)
            for user, asked, product, action, time in found.select("user", "query", "product", "action", "time").iter_rows()
        ]
        events["query"] = [normalise_text(text) for text in events["query"]]
        assert Counter(rows) == Counter(zip(*(events[name] for name in ("user_id", "query", "product_id", "day", "action")), strict=True))
        assert found["time"].is_sorted()
        assert [place is None for place in graph.nodes("product")["category"]] == [path is None for path in products["category_path"]]
        for source, relation, target in [edge_type for edge_type in graph.edge_types if not edge_type[1].startswith("rev_")]:
            reverse = edges_of(graph, (target, f"rev_{relation}", source))
            assert edges_of(graph, (source, relation, target)) == Counter({(b, a, *rest): n for (a, b, *rest), n in reverse.items()})
        bought = edges_of(graph, ("user", "buy", "product"))
        triples = zip(events["user_id"], events["product_id"], events["action"], strict=True)
        assert Counter((user_id[user], product_id[product]) for user, product, *_ in bought.elements()) == Counter(
            (user, product) for user, product, action in triples if action == "buy" and user is not None
        )
        graph.verify()


def test_events_become_edges_of_their_relation(tmp_path):
    graph = build(smallest(tmp_path, events={"action": ["view", "buy", "buy"], "user_id": ["u", "v", None]}), tmp_path / "graph")
    assert graph.manifest.actions == ("buy", "view")
    assert edges_of(graph, ("user", "view", "product")) == {(0, 0, 1 * DAY, 1.0): 1}
    assert edges_of(graph, ("user", "buy", "product")) == {(1, 0, 10 * DAY, 1.0): 1}
    led = {(0, 0, 1 * DAY, 1.0): 1, (1, 0, 10 * DAY, 1.0): 1, (0, 0, 11 * DAY, 1.0): 1}
    assert edges_of(graph, ("query", "leads_to", "product")) == led
    assert edges_of(graph, ("user", "issues", "query")) == {(0, 0, 1 * DAY, 1.0): 1, (1, 1, 10 * DAY, 1.0): 1}


def test_a_shop_of_strangers(tmp_path):
    graph = build(smallest(tmp_path, events={"user_id": [None, None, None]}), tmp_path / "graph")
    assert graph.num_nodes["user"] == 0
    assert graph.csr(("user", "purchase", "product")).num_edges == 0
    assert graph.csr(("product", "rev_purchase", "user")).num_rows == 0
    assert graph.examples("train")["user"].to_list() == [None]
    assert graph.before(2**62).edges(("query", "leads_to", "product")).degree().tolist() == [3]


def test_a_shop_without_categories_or_baskets(tmp_path):
    graph = build(smallest(tmp_path, edges={"bought_with": None}), tmp_path / "graph")
    assert graph.num_nodes["category"] == 0
    assert graph.manifest.taxonomy_depth == 0
    assert graph.manifest.products_in_no_category == 1
    assert ("product", "bought_with", "product") not in graph.relations


def test_sessions_start_at_their_first_event_and_belong_to_one_user(tmp_path):
    events = {
        "user_id": ["u", "u", "v", "v", None, None, "u"],
        "session_id": ["s", "s", "s", None, "s", "s", "s"],
        "query": ["q"] * 7,
        "product_id": ["a"] * 7,
        "day": [1, 2, 3, 4, 5, 10, 11],
    }
    graph = build(smallest(tmp_path, events=events), tmp_path / "graph")
    starts = pl.concat([graph.examples(split) for split in ("train", "validation", "test")])["session_start"] // DAY
    assert starts.to_list() == [1, 1, 3, 4, 5, 5, 1]


def test_categories_of_a_table_of_their_own(tmp_path):
    tree = pl.DataFrame({"category_id": [7, 5, 6], "parent_id": [5, None, 5], "name": ["tea", "food", "bread"]})
    recipe = smallest(tmp_path, products={"category_id": [7]}, columns={"category_id": "category_id"}, tables={"categories": tree})
    graph = build(recipe, tmp_path / "graph")
    assert graph.nodes("category")["category_id"].to_list() == [5, 6, 7]
    assert graph.nodes("product")["category"].to_list() == [2]
    assert edges_of(graph, ("product", "in", "category")) == {(0, 2, None, 1.0): 1}
    assert edges_of(graph, ("category", "child_of", "category")) == {(1, 0, None, 1.0): 1, (2, 0, None, 1.0): 1}


def test_related_products_keep_the_shops_order(tmp_path):
    products = {"product_id": ["a", "b", "c"], "title": ["t"] * 3, "also": [["c", "x", "b"], [], ["c", "a"]]}
    recipe = smallest(tmp_path, products=products, columns={"related": {"also": {"timeless": True}}})
    graph = build(recipe, tmp_path / "graph")
    assert "also" not in graph.nodes("product").columns
    assert not graph.relations[("product", "also", "product")].timed
    third, half = float(np.float32(1 / 3)), 0.5
    assert graph.related == ["also"]
    # The first comes last, where it is looked for.
    assert graph.csr(("product", "rev_also", "product")).index.tolist() == [1, 2, 0]
    assert edges_of(graph, ("product", "also", "product")) == {(0, 2, None, 1.0): 1, (0, 1, None, third): 1, (2, 0, None, half): 1}


def test_attributes_labels_and_rejects_are_kept(tiny_graph):
    assert tiny_graph.nodes("product").columns[:3] == ["product_id", "title", "brand"]
    assert {"size", "price", "category"} < set(tiny_graph.nodes("product").columns)
    assert tiny_graph.nodes("user").columns == ["user_id", "age", "city"]
    assert "form" in tiny_graph.examples("test").columns
    assert pl.read_parquet(tiny_graph.layout.rejects).height == 0
    assert tiny_graph.manifest.rows_read == {"products": 40, "events": 400, "users": 13}


def test_rejects_are_counted_and_written(tmp_path):
    events = {"product_id": ["a", "a", "a", "x"], "user_id": ["u"] * 4, "query": ["q"] * 4, "day": [1, 10, 11, 2]}
    graph = build(smallest(tmp_path, events=events, max_reject_share=0.5), tmp_path / "graph")
    assert graph.manifest.rejects == {"events: unknown product": 1}
    assert pl.read_parquet(graph.layout.rejects)["reason"].to_list() == ["unknown product"]


def test_equal_input_gives_equal_bytes(tmp_path, tiny_graph):
    graph = build(write_tiny_shop(tmp_path / "shop"), tmp_path / "graph")
    assert graph.manifest.hash == tiny_graph.manifest.hash
    for name in [*graph.manifest.files, "graph.json"]:
        assert (graph.path / name).read_bytes() == (tiny_graph.path / name).read_bytes(), name


def test_other_input_gives_another_hash(tmp_path, tiny_graph):
    graph = build(write_tiny_shop(tmp_path / "shop", seed=1), tmp_path / "graph")
    assert graph.manifest.hash != tiny_graph.manifest.hash
    assert graph.manifest.input_hash != tiny_graph.manifest.input_hash


def test_stages_are_reported(fresh_shop, tmp_path):
    stages: list[str] = []
    build_graph(Recipe.load(fresh_shop), fresh_shop.parent, tmp_path / "graph", stages.append)
    assert stages == ["reading tables", "numbering nodes", "writing nodes and examples", "sorting edges", "hashing"]


def test_an_existing_folder_is_refused_and_kept(fresh_shop, tmp_path):
    out = tmp_path / "graph"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"graph already exists; give another --out, or remove it first"):
        build(fresh_shop, out)
    assert [file.name for file in out.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(fresh_shop, tmp_path):
    out = tmp_path / "graph"
    out.mkdir()
    assert build(fresh_shop, out).num_nodes["product"] == 40


def test_a_cycle_leaves_nothing_behind(tmp_path):
    tree = pl.DataFrame({"category_id": ["a", "b"], "parent_id": ["b", "a"], "name": ["a", "b"]})
    recipe = smallest(tmp_path, products={"category_id": ["a"]}, columns={"category_id": "category_id"}, tables={"categories": tree})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(TaxonomyError, match="there is a cycle"):
        build(recipe, tmp_path / "graph")
    assert sorted(tmp_path.iterdir()) == before


def test_a_failure_while_writing_leaves_nothing_behind(tmp_path, monkeypatch):
    recipe = smallest(tmp_path)
    before = sorted(tmp_path.iterdir())

    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(build_module, "make_relations", fail)
    with pytest.raises(OSError, match="disk full"):
        build(recipe, tmp_path / "graph")
    assert sorted(tmp_path.iterdir()) == before


def test_an_empty_split_is_refused(tmp_path):
    recipe = smallest(tmp_path, events={"day": [1, 2, 3]})
    with pytest.raises(TableError, match="none is left for validation"):
        build(recipe, tmp_path / "graph")
    assert not (tmp_path / "graph").exists()
