"""The graph as it would have been built earlier."""

from __future__ import annotations

import polars as pl
import pytest

from gnn_search.audit.run import audit
from gnn_search.config.recipe import Recipe
from gnn_search.errors import ConfigError, TableError
from gnn_search.graph.build import build_graph
from gnn_search.graph.cases import build_cases
from gnn_search.graph.store import Graph, to_time


@pytest.fixture(scope="module")
def windows(tiny_shop, tmp_path_factory) -> list[Graph]:
    folder, recipe = tmp_path_factory.mktemp("windows"), Recipe.load(tiny_shop)
    return [build_graph(recipe, tiny_shop.parent, folder / str(back), back=back) for back in range(3)]


def test_each_test_period_ends_where_the_next_one_starts(windows, tiny_graph):
    length = tiny_graph.manifest.time_last + 1 - tiny_graph.manifest.test_start
    for back, graph in enumerate(windows):
        assert graph.manifest.test_start == tiny_graph.manifest.test_start - back * length
        assert graph.manifest.validation_start == tiny_graph.manifest.validation_start - back * length
        assert graph.manifest.time_last < tiny_graph.manifest.test_start - (back - 1) * length
    assert windows[0].manifest.hash == tiny_graph.manifest.hash


def test_a_window_knows_its_own_past_and_nothing_later(windows, tiny_graph):
    everything = pl.concat(tiny_graph.examples(split) for split in ("train", "validation", "test"))
    for graph in windows:
        own = pl.concat(graph.examples(split) for split in ("train", "validation", "test"))
        assert own.height == everything.filter(pl.col("time") <= graph.manifest.time_last).height
        assert graph.num_nodes["query"] == own["query"].n_unique()
        assert len(build_cases(graph))


def test_the_manifest_holds_the_recipe_that_makes_the_window(windows, tiny_shop, tmp_path):
    recipe = Recipe.model_validate(windows[2].manifest.recipe)
    assert to_time(recipe.split.end) == windows[1].manifest.test_start
    again = build_graph(recipe, tiny_shop.parent, tmp_path / "graph")
    assert again.manifest.hash == windows[2].manifest.hash


def test_the_audit_finds_no_error(windows):
    for graph in windows:
        assert audit(graph).of("error") == []


def test_a_window_of_an_earlier_end(windows, tiny_shop, tmp_path):
    recipe = Recipe.model_validate(windows[1].manifest.recipe)
    assert build_graph(recipe, tiny_shop.parent, tmp_path / "graph", back=1).manifest.hash == windows[2].manifest.hash


def test_a_split_by_column_goes_back_too(fresh_shop, tiny_graph, windows, tmp_path):
    manifest = tiny_graph.manifest
    time = pl.col("timestamp").dt.epoch("us")
    split = pl.when(time < manifest.validation_start).then(pl.lit("train")).when(time < manifest.test_start).then(pl.lit("validation"))
    file = fresh_shop.parent / "events.parquet"
    pl.read_parquet(file).with_columns(split=split.otherwise(pl.lit("test"))).write_parquet(file)
    recipe = Recipe.load(fresh_shop).model_dump()
    recipe["tables"]["events"]["split"] = "split"
    recipe["split"] = {"by": "column"}
    graph = build_graph(Recipe.model_validate(recipe), fresh_shop.parent, tmp_path / "graph", back=1)
    first = graph.examples("test")["time"][0]
    assert graph.manifest.test_start <= first < windows[0].manifest.test_start
    assert graph.manifest.recipe["split"]["by"] == "time"


def test_too_far_back_is_refused(tiny_shop, tmp_path):
    with pytest.raises(TableError, match=r"they begin at 2024-01-01 .*, so 9 test lengths earlier, .* go back by at most [4-6]$"):
        build_graph(Recipe.load(tiny_shop), tiny_shop.parent, tmp_path / "graph", back=9)


def test_last_choices_have_no_periods_to_move(tiny_shop, tmp_path):
    recipe = Recipe.model_validate({**Recipe.load(tiny_shop).model_dump(), "split": {"by": "last"}})
    with pytest.raises(ConfigError, match="--back needs periods to move"):
        build_graph(recipe, tiny_shop.parent, tmp_path / "graph", back=1)


def test_an_end_before_all_events_is_refused(tiny_shop, tmp_path):
    split = {"by": "time", "validation": "2001-01-01", "test": "2001-01-02", "end": "2001-01-03"}
    recipe = Recipe.model_validate({**Recipe.load(tiny_shop).model_dump(), "split": split})
    with pytest.raises(TableError, match="none is left before the end of the recipe's split"):
        build_graph(recipe, tiny_shop.parent, tmp_path / "graph")
