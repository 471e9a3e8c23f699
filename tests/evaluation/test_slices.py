from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from shops import build

from gnn_search.config.recipe import HoldOut, Recipe
from gnn_search.errors import ConfigError
from gnn_search.evaluation.slices import MOST_VALUES, built_in_slices, check_slices, report_slices
from gnn_search.graph.build import build_graph
from gnn_search.graph.cases import build_cases
from gnn_search.graph.store import Graph


def test_slices_by_hand(fruit_shop):
    # Rows: ann broad p0 (repeat) and p2, ann narrow p1 (repeat), bob p2 for the new query, then nobody p3 p4 and p3.
    cases = build_cases(fruit_shop)
    found = {part.name: part.rows.astype(int).tolist() for part in built_in_slices(cases, fruit_shop)}
    assert found == {
        "all": [1, 1, 1, 1, 1, 1, 1],
        "broad": [1, 1, 0, 0, 0, 0, 0],
        "narrow": [0, 0, 1, 1, 1, 1, 1],
        "repeat": [1, 0, 1, 0, 0, 0, 0],
        "first-time": [0, 1, 0, 1, 0, 0, 0],
        "new product": [0, 1, 0, 1, 0, 0, 0],
        "new query": [0, 0, 0, 1, 0, 0, 0],
        # apple led to a pear, and root to what lies under vegetable.
        "query does not name its category": [0, 1, 0, 0, 1, 1, 1],
        "anonymous": [0, 0, 0, 0, 1, 1, 1],
        # Before the period apple led to four choices and root to two; ann chose three times and bob twice; p3 and p4 once, p0 and p1 twice.
        "head query": [1, 1, 1, 0, 0, 0, 0],
        "tail query": [0, 0, 0, 0, 1, 1, 1],
        "tail product": [0, 0, 0, 0, 1, 1, 1],
        "heavy user": [1, 1, 1, 0, 0, 0, 0],
        "light user": [0, 0, 0, 1, 0, 0, 0],
        "1 word": [1, 1, 1, 1, 1, 1, 1],
        "category: fruit": [1, 1, 1, 1, 0, 0, 0],
        "category: vegetable": [0, 0, 0, 0, 1, 1, 1],
    }


def test_empty_slices_are_left_out(fruit_shop):
    names = [part.name for part in built_in_slices(build_cases(fruit_shop, "validation"), fruit_shop)]
    assert names == ["all", "broad", "first-time", "tail product", "head query", "1 word", "light user", "category: fruit"]


def test_values_that_two_slices_share_name_their_column(fruit_shop):
    cases = build_cases(fruit_shop)
    labels = pl.DataFrame({"form": ["broad", "all", "b", None, "b"], "size": ["broad", "c", "c", "c", None]})
    names = [part.name for part in built_in_slices(replace(cases, labels=labels), fruit_shop)]
    assert names[:6] == ["all", "form=all", "b", "form=broad", "size=broad", "c"]


def test_only_the_most_frequent_values_get_a_slice(make_graph):
    events = [("ann", "apple", "p0", day, "purchase", f"s{day}", "x") for day in (1, 12)]
    events += [("ann", f"apple {i}", "p0", 21, "purchase", f"t{i}", f"value{min(i, 12):02}") for i in range(16)]
    graph = make_graph([("p0", "apple", None, None)], events)
    names = [part.name for part in built_in_slices(build_cases(graph), graph) if part.name.startswith("value")]
    assert len(names) == MOST_VALUES
    assert "value12" in names


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("form = 'narrow' AND repeat", [0, 0, 1, 0, 0, 0, 0]),
        ("user_interactions >= 3 OR product_id = 'p3'", [1, 1, 1, 0, 1, 0, 1]),
        ("product_brand = 'acme'", [1, 1, 0, 1, 0, 0, 0]),
        ("category LIKE 'fruit%apple'", [1, 0, 1, 0, 0, 0, 0]),
        ("query_interactions > AVG(query_interactions)", [1, 1, 1, 0, 0, 0, 0]),
        ("TRUE", [1, 1, 1, 1, 1, 1, 1]),
        # Nobody has no number of choices, and what is not known is not true.
        ("NOT user_interactions = 3", [0, 0, 0, 1, 0, 0, 0]),
    ],
)
def test_a_slice_by_an_expression(fruit_shop, text, rows):
    cases = build_cases(fruit_shop)
    (own,) = [part for part in report_slices(cases, fruit_shop, {"mine": text}) if part.name == "mine"]
    assert own.rows.astype(int).tolist() == rows


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine", "colour = 'red'", r"slice 'mine': the cases have no column 'colour' \(in colour = 'red'\); they have user_id, query"),
        ("mine", "words > 'many'", r"slice 'mine': words > 'many' can't be computed \(cannot compare string with numeric type"),
        ("mine", "words + 1", r"slice 'mine': expected a condition, got Int64 from words \+ 1; write one such as"),
        ("mine", "COLUMNS('^user_.*$')", r"slices: 'slices\.mine': a slice can't call COLUMNS; the functions are ABS, "),
        ("new query", "words > 1", "slice 'new query': every evaluation has a slice of this name; give yours another"),
        ("all", "words > 1", "slice 'all': every evaluation has a slice of this name"),
    ],
)
def test_a_bad_expression_is_refused(fruit_shop, name, text, message):
    with pytest.raises(ConfigError, match=message):
        report_slices(build_cases(fruit_shop), fruit_shop, {name: text})


def test_columns_are_checked_before_there_is_a_graph():
    with pytest.raises(ConfigError, match="slice 'mine': the cases have no column 'colour'"):
        check_slices({"fine": "words > 1", "mine": "colour = 'red'"}, {"words": pl.Int64()})
    with pytest.raises(ConfigError, match="slice 'mine': expected a condition, got Int64 from words"):
        check_slices({"mine": "words"}, {"words": pl.Int64()})


@pytest.mark.parametrize("text", ["user_id = 3", "user_id = 'ann'", "product_id IN (1, 2) AND user_id LIKE 'a%'"])
def test_ids_may_be_numbers_or_texts(text):
    check_slices({"mine": text}, {"words": pl.Int64()})


def test_slices_of_a_graph_folder_are_held_to_the_grammar_too(fruit_shop):
    leak = {"leak": "words IN (SELECT a FROM read_csv('/etc/passwd'))"}
    hostile = replace(fruit_shop, manifest=fruit_shop.manifest.model_copy(update={"recipe": {"slices": leak}}))
    with pytest.raises(ConfigError, match=r"the graph .*: 'slices\.leak': a slice is an expression .*, without SELECT"):
        report_slices(build_cases(fruit_shop), hostile, {})


def test_the_recipe_declares_slices_and_a_further_one_takes_the_place_of_one(fresh_shop, tmp_path):
    declared = "slices:\n  late: words = 99\n  mine: form = 'broad'\n"
    fresh_shop.write_text(fresh_shop.read_text(encoding="utf-8") + declared, encoding="utf-8")
    graph = build(fresh_shop, tmp_path / "graph")
    cases = build_cases(graph)
    broad, mine = (next(part for part in report_slices(cases, graph, {}) if part.name == name) for name in ("broad", "mine"))
    assert mine.rows.tolist() == broad.rows.tolist()
    found = {part.name: part.rows for part in report_slices(cases, graph, {"late": "form = 'broad'", "mine": "form = 'narrow'"})}
    assert found["late"].tolist() == broad.rows.tolist()
    assert found["mine"].tolist() == (~broad.rows).tolist()
    assert {"mine", "late"}.isdisjoint(part.name for part in built_in_slices(cases, graph))


def test_a_label_value_gives_way_to_a_declared_slice(fruit_shop):
    names = [part.name for part in report_slices(build_cases(fruit_shop), fruit_shop, {"broad": "words > 0"})]
    assert names[1:3] == ["form=broad", "narrow"]
    assert names[-1] == "broad"


def test_a_level_at_which_all_products_are_one_category_is_passed_over(make_graph):
    products = [(f"p{i}", "x", None, ["beauty", one] if one else ["beauty"]) for i, one in enumerate(["hair", "skin", None])]
    events = [("ann", "apple", one, day, "purchase", f"s{day}{one}", "x") for day in (1, 12, 22) for one in ("p0", "p1", "p2")]
    graph = make_graph(products, events)
    names = [part.name for part in built_in_slices(build_cases(graph), graph) if part.name.startswith("category: ")]
    assert names == ["category: beauty", "category: hair", "category: skin"]


@pytest.fixture(scope="module")
def held_graph(tiny_shop, tmp_path_factory) -> Graph:
    recipe = Recipe.load(tiny_shop)
    split = recipe.split.model_copy(update={"hold_out": HoldOut(users=0.3, products=0.2)})
    return build_graph(recipe.model_copy(update={"split": split}), tiny_shop.parent, tmp_path_factory.mktemp("held") / "graph")


def test_what_is_held_out_is_new(held_graph):
    found = {part.name: part.rows for part in built_in_slices(build_cases(held_graph), held_graph)}
    assert found["held-out user"].any()
    assert not (found["held-out user"] & ~found["new user"]).any()
    assert found["held-out product"].any()
    assert not (found["held-out product"] & ~found["new product"]).any()
