"""The judgements table: what is kept, what is set aside and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from judgement_shops import JUDGEMENTS, judged_pairs, write_judgement_shop

from gnn_search.config.recipe import JudgementsTable, Recipe
from gnn_search.errors import ConfigError, TableError
from gnn_search.tables.judgements import hash_texts, relevant_pairs
from gnn_search.tables.load import ShopTables, load_shop_tables


def load(folder: Path, frame: pl.DataFrame | None = None, *, share: float = 1.0, **table: Any) -> ShopTables:
    return load_shop_tables(Recipe.load(write_judgement_shop(folder, frame, {**JUDGEMENTS, **table}, max_reject_share=share)), folder)


def with_rows(*rows: tuple[Any, ...]) -> pl.DataFrame:
    frame = judged_pairs()
    return pl.concat([frame, pl.DataFrame(list(rows), schema=frame.schema, orient="row")])


def test_pairs_are_kept_in_their_order(tmp_path):
    shop = load(tmp_path, share=0.0)
    assert shop.judgements.to_dicts() == judged_pairs().to_dicts()
    assert shop.judgements.schema["grade"] == pl.Float32
    assert shop.events.is_empty()
    assert shop.rows_read["judgements"] == judged_pairs().height


def test_a_pair_that_several_people_judged_has_their_mean(tmp_path):
    shop = load(tmp_path, with_rows(("RED  Drill", "red-drill", 2.0, "train"), ("red drill", "red-drill", 1.0, "train")))
    row = shop.judgements.filter((pl.col("query") == "red drill") & (pl.col("product_id") == "red-drill"))
    assert row["grade"].to_list() == [2.0]
    assert shop.judgements.height == judged_pairs().height


def test_what_cannot_be_used_is_set_aside(tmp_path):
    faulty = [
        (("red drill", "no-such", 3.0, "train"), "unknown product"),
        (("red drill", None, 3.0, "train"), "no product_id"),
        (("  ", "red-drill", 3.0, "train"), "no query"),
        (("red drill", "red-lamp", None, "train"), "grade is missing or no number"),
        (("red drill", "red-lamp", float("inf"), "train"), "grade is missing or no number"),
        (("red drill", "red-lamp", 1.0, "dev"), "split is not train, validation or test"),
        (("drill", "red-lamp", 1.0, "train"), "its query stands in a later split too"),
    ]
    shop = load(tmp_path, with_rows(*(row for row, _ in faulty)))
    first = judged_pairs().height
    assert shop.rejects.select("table", "row", "reason").rows() == [("judgements", first + i, why) for i, (_, why) in enumerate(faulty)]
    assert '"query":"drill"' in shop.rejects["record"][-1]
    assert shop.judgements.to_dicts() == judged_pairs().to_dicts()


def test_without_a_split_column_queries_are_divided_by_their_hash(tmp_path):
    first = load(tmp_path / "a", split=None).judgements
    again = load(tmp_path / "b", judged_pairs().sample(fraction=1.0, shuffle=True, seed=1), split=None).judgements
    queries = first.select("query", "split").unique().sort("query")
    assert queries["query"].is_unique().all()
    assert queries.equals(again.select("query", "split").unique().sort("query"))
    assert set(queries["split"]) == {"train", "validation", "test"}


def test_the_shares_of_the_splits_and_the_seed(tmp_path):
    texts = pl.Series([f"query {number}" for number in range(20_000)])
    part = hash_texts(texts, 0) % 100
    assert (part < 80).mean() == pytest.approx(0.8, abs=0.01)
    assert (part >= 90).mean() == pytest.approx(0.1, abs=0.01)
    assert hash_texts(texts[:3], 0).tolist() == hash_texts(texts, 0)[:3].tolist()
    assert (hash_texts(texts, 1) != hash_texts(texts, 0)).all()


def test_a_grade_on_the_edge_counts_in_the_precision_of_the_file(tmp_path):
    # As a 32-bit number 2.33 is a little less than 2.33.
    frame = judged_pairs().with_columns(grade=pl.when(pl.col("grade") == 2).then(2.33).otherwise("grade").cast(pl.Float32))
    rows = load(tmp_path, frame).judgements
    assert rows["grade"].cast(pl.Float64).min() == 1
    for least, count in ((2.33, 70), (2.34, 25), (1.0, 95)):
        assert relevant_pairs(rows, JudgementsTable(path="x", relevant=least)).sum() == count


@pytest.mark.parametrize(
    ("frame", "table", "message"),
    [
        (judged_pairs().drop("grade"), {}, r"judgements\.parquet lacks the column 'grade' \(tables\.judgements\.grade in the recipe\)"),
        (
            judged_pairs().with_columns(pl.lit("good").alias("grade")),
            {},
            r"column 'grade' \(tables\.judgements\.grade\) of .*judgements\.parquet: expected numbers, got String",
        ),
        (
            judged_pairs().with_columns(split=pl.col("split").replace("test", "eval")),
            {},
            r"judgements table can't be used and max_reject_share allows 1\.00% \(split is not train, validation or test: 19\)",
        ),
        (judged_pairs().with_columns(product_id=pl.lit("x")), {}, "no usable row is left .unknown product: 95"),
        (
            judged_pairs().filter((pl.col("split") != "test") | (pl.col("grade") < 2)),
            {},
            r"no pair of the test split has a grade of 2 or more, so there is nothing to measure; lower tables\.judgements\.relevant",
        ),
        (judged_pairs(), {"relevant": 3.5, "gains": {}}, r"no pair of the train split has a grade of 3\.5 or more, .* nothing to learn"),
    ],
)
def test_what_is_refused(tmp_path, frame, table, message):
    with pytest.raises(TableError, match=message):
        load(tmp_path, frame, share=0.01, **table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, r"key 'tables\.judgements\.relevant' is missing"),
        ({"relevant": "good"}, r"'tables\.judgements\.relevant': Input should be a valid number"),
        ({"relevant": 1, "gains": {1: 0, 3: 2}}, "the grade 1 counts as relevant but is worth nothing; raise `relevant`"),
        ({"relevant": 0}, "the grade 0 counts as relevant but is worth nothing"),
        ({"relevant": 2, "gains": {1: 2, 3: 1}}, "gains must not fall as grades rise"),
        ({"relevant": 2, "gains": {1: -1}}, "greater than or equal to 0"),
        ({"relevant": 2, "grades": "g"}, r"unknown key 'tables\.judgements\.grades'"),
    ],
)
def test_recipes_that_are_refused(tmp_path, table, message):
    with pytest.raises(ConfigError, match=message):
        Recipe.load(write_judgement_shop(tmp_path, table=table))
