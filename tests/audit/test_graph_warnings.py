"""Faults of the tables that a build lets pass: each is named, none is an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from shops import START, build, write_tiny_shop

from gnn_search.audit.check import AuditReport, Finding
from gnn_search.audit.run import audit

Change = Callable[[pl.DataFrame], pl.DataFrame]
TEST = START + timedelta(days=52)


def of_shop(folder: Path, table: str = "events", change: Change = lambda rows: rows, **shop: int) -> AuditReport:
    """Audit the graph of the tiny shop with one of its tables changed."""
    recipe = write_tiny_shop(folder, **shop)
    file = folder / f"{table}.parquet"
    change(pl.read_parquet(file)).write_parquet(file)
    return audit(build(recipe, folder / "graph"))


def only(report: AuditReport, check: str) -> Finding:
    assert report.of("error") == []
    assert [finding.check for finding in report.of("warning")] == [check]
    return report.of("warning")[0]


def the_note(report: AuditReport, check: str) -> Finding:
    assert report.of("error", "warning") == []
    (found,) = [finding for finding in report.of("note") if finding.check == check]
    return found


def first(rows: int) -> pl.Expr:
    return pl.int_range(pl.len()) < rows


def test_twins_in_the_catalogue(tmp_path):
    def twice(products: pl.DataFrame) -> pl.DataFrame:
        again = products[:3].with_columns(product_id=pl.format("Q{}", pl.int_range(pl.len())), title=pl.col("title").str.to_uppercase())
        return pl.concat([products, again])

    found = only(of_shop(tmp_path, "products", twice), "twin-products")
    assert found.count == 6
    assert found.examples[0]["product_id"] == "P000"
    assert found.examples[0]["other_product_id"] == "Q0"


def test_products_in_no_category(tmp_path):
    path = pl.when(first(5)).then(None).otherwise("category_path").alias("category_path")
    found = only(of_shop(tmp_path, "products", lambda products: products.with_columns(path)), "uncategorised")
    assert found.count == 5
    assert [example["product_id"] for example in found.examples] == ["P000", "P001", "P002"]
    assert "12.5 % of the catalogue" in found.meaning


def test_events_of_products_that_the_catalogue_lacks(tmp_path):
    product = pl.when(first(3)).then(pl.lit("GONE")).otherwise("product_id").alias("product_id")
    found = only(of_shop(tmp_path, "events", lambda events: events.with_columns(product)), "left-out-products")
    assert found.count == 3
    assert found.examples[0]["product_id"] == "GONE"


def test_related_products_have_no_time(tmp_path):
    recipe = write_tiny_shop(tmp_path)
    products = pl.read_parquet(tmp_path / "products.parquet")
    products.with_columns(also=pl.concat_list(pl.lit("P001"), pl.lit("P002"))).write_parquet(tmp_path / "products.parquet")
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["tables"]["products"]["related"] = {"also": {"timeless": True}}
    recipe.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    found = only(audit(build(recipe, tmp_path / "graph")), "timeless-relations")
    assert found.count == 78
    assert "product--also--product has no time" in found.meaning


def test_attributes_have_no_time(tmp_path):
    found = the_note(of_shop(tmp_path), "timeless-columns")
    assert found.count == 4
    assert found.examples[:2] == ({"table": "products", "column": "size"}, {"table": "products", "column": "price"})


@pytest.mark.parametrize("again", [True, False])
def test_choices_that_a_user_had_made_before(tmp_path, again):
    """Each choice of the test period by a known user is one of an earlier day, or none is."""

    def repeated(events: pl.DataFrame) -> pl.DataFrame:
        known = events.drop_nulls("user_id").with_columns(session_id=pl.lit(None, pl.String))
        early = known.filter(pl.col("timestamp") < TEST).unique(["user_id", "query", "product_id"], keep="first", maintain_order=True)
        late = early[:30].with_columns(timestamp=pl.lit(TEST) + pl.duration(minutes=7 * pl.int_range(pl.len())), action=pl.lit("purchase"))
        return pl.concat([early, late if again else late.with_columns(pl.format("{} anew", "query").alias("query"))])

    report = of_shop(tmp_path, change=repeated)
    if not again:
        assert "repeat-interactions" in report.clean
        return
    found = the_note(report, "repeat-interactions")
    assert found.count == 30
    assert "100 % occurred before it" in found.meaning
    assert len(found.examples) == 3


def test_a_test_period_too_short_to_say_anything(tmp_path):
    cut = TEST + timedelta(days=1)
    report = of_shop(tmp_path, change=lambda events: events.filter(pl.col("timestamp") < cut))
    found = [finding for finding in report.of("note") if finding.check == "small-periods"]
    assert [finding.meaning.split()[1] for finding in found] == ["validation", "test"]
    events = pl.read_parquet(tmp_path / "events.parquet")
    assert found[1].count == events.filter(pl.col("timestamp") >= TEST).height
    assert "small-periods" in of_shop(tmp_path / "large", events=20_000).clean


@pytest.mark.parametrize("later", [True, False])
def test_a_column_that_tells_of_the_test_period(tmp_path, later):
    """Ratings that follow later sales are suspect, those that follow earlier ones are not."""

    def rated(products: pl.DataFrame) -> pl.DataFrame:
        events = pl.read_parquet(tmp_path / "events.parquet").filter((pl.col("timestamp") >= TEST) == later)
        sold = products.select("product_id").join(events.group_by("product_id").len(), on="product_id", how="left", maintain_order="left")
        return products.with_columns(price=3 + sold["len"].fill_null(0).sqrt())

    report = of_shop(tmp_path, "products", rated, products=240, events=3000)
    assert report.of("error") == []
    found = [finding for finding in report.of("warning") if finding.check == "popularity"]
    assert bool(found) == later
    if later:
        assert "predicts the interactions of the test period beyond what the earlier ones do" in found[0].meaning


def test_times_that_are_days(tmp_path):
    def days(events: pl.DataFrame) -> pl.DataFrame:
        return events.with_columns(pl.col("timestamp").dt.truncate("1d")).unique(["user_id", "query", "product_id", "timestamp"])

    found = only(of_shop(tmp_path, change=days), "whole-day-times")
    assert "100 % of the events stand at 00:00:00" in found.meaning


def test_one_day_with_all_events_at_midnight(tmp_path):
    at = pl.when(first(60)).then(pl.lit(START + timedelta(days=10))).otherwise("timestamp").alias("timestamp")
    report = of_shop(
        tmp_path, change=lambda events: events.filter(pl.col("timestamp").dt.date() != datetime(2024, 1, 11).date()).with_columns(at)
    )
    found = only(report, "whole-day-times")
    assert found.count == 1
    assert found.examples == ({"day": "2024-01-11", "time": "00:00:00", "events": 60},)


def last_at_the_end(events: pl.DataFrame) -> pl.DataFrame:
    """Put each user's last event into the test period once more."""
    known = (
        events.drop_nulls("user_id").filter(pl.col("timestamp") < TEST - timedelta(days=1)).with_columns(session_id=pl.lit(None, pl.String))
    )
    last = known.group_by("user_id", maintain_order=True).last().select(known.columns)
    return pl.concat([known, last.with_columns(timestamp=pl.lit(TEST) + pl.duration(minutes=pl.int_range(pl.len())))])


def test_times_that_keep_order_only(tmp_path):
    found = only(of_shop(tmp_path, change=last_at_the_end, users=25), "order-only-times")
    assert "exactly one event of 100 % of the users" in found.meaning
    assert "clock: order" in found.advice


def test_times_that_keep_order_only_and_say_so(tmp_path):
    recipe = write_tiny_shop(tmp_path, users=25)
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["tables"]["events"]["clock"] = "order"
    recipe.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    last_at_the_end(pl.read_parquet(tmp_path / "events.parquet")).write_parquet(tmp_path / "events.parquet")
    found = the_note(audit(build(recipe, tmp_path / "graph")), "order-only-times")
    assert "ages are counted in events" in found.meaning


def test_an_unset_clock(tmp_path):
    at = pl.when(first(2)).then(datetime(1970, 1, 1)).otherwise("timestamp").alias("timestamp")
    found = only(of_shop(tmp_path, change=lambda events: events.with_columns(at)), "stray-times")
    assert found.count == 2
    assert found.examples[0]["time"] == "1970-01-01 00:00:00"


def test_a_user_who_never_sleeps(tmp_path):
    def robot(events: pl.DataFrame) -> pl.DataFrame:
        few = pl.concat([events[:50]] * 21).with_columns(
            user_id=pl.lit(77, pl.Int64),
            timestamp=pl.lit(START + timedelta(days=3)) + pl.duration(minutes=pl.int_range(pl.len())),
            session_id=pl.lit(None, pl.String),
        )
        return pl.concat([events, few])

    found = only(of_shop(tmp_path, change=robot), "superhuman-users")
    assert found.examples == ({"user_id": 77, "day": "2024-01-04", "events": 1050},)


def test_an_id_that_stands_for_nobody(tmp_path):
    def unknown(events: pl.DataFrame) -> pl.DataFrame:
        user = pl.when(first(250)).then(0).otherwise("user_id").cast(pl.Int64)
        return events.with_columns(user_id=user)

    found = only(of_shop(tmp_path, change=unknown), "placeholder-users")
    assert found.examples[0]["user_id"] == 0


def test_a_session_that_a_cut_divides(tmp_path):
    def divided(events: pl.DataFrame) -> pl.DataFrame:
        one = events.drop_nulls("user_id")[:2].with_columns(
            user_id=pl.lit(5, pl.Int64), session_id=pl.lit("late"), timestamp=pl.Series([TEST - timedelta(minutes=1), TEST])
        )
        return pl.concat([events, one])

    found = only(of_shop(tmp_path, change=divided), "straddling-sessions")
    assert found.count == 1
    assert "Events of the test period" in found.meaning
    assert found.examples[0]["user_id"] == 5


def test_events_that_are_delivered_twice(tmp_path):
    found = only(of_shop(tmp_path, change=lambda events: pl.concat([events, events.drop_nulls("user_id")[:20]])), "duplicate-events")
    assert found.count == 20


def test_queries_that_are_names_of_categories_by_slice(tmp_path):
    query = pl.when(pl.col("form") == "broad").then(pl.lit("  Bakery")).otherwise("query").alias("query")
    found = the_note(of_shop(tmp_path, change=lambda events: events.with_columns(query)), "named-queries")
    assert "(form broad 100 %, form narrow 0 %)" in found.meaning
    assert found.examples == ({"query": "bakery", "category": "food > bakery"},)


@pytest.mark.parametrize(("hour", "busy"), [(0, True), (12, False)])
def test_a_cut_in_a_busy_hour(tmp_path, hour, busy):
    """A shop that sleeps from `hour` + 10 to `hour` + 18, cut at midnight."""
    recipe = write_tiny_shop(tmp_path)
    events = pl.read_parquet(tmp_path / "events.parquet")
    many = pl.concat([events] * 30).with_columns(
        timestamp=pl.col("timestamp").dt.truncate("1d")
        + pl.duration(minutes=(pl.int_range(pl.len()) * 7 % 960 + 18 * 60 + hour * 60) % 1440)
    )
    many.with_columns(session_id=pl.lit(None, pl.String)).write_parquet(tmp_path / "events.parquet")
    report = audit(build(recipe, tmp_path / "graph"))
    found = [finding for finding in report.findings if finding.check == "busy-cuts"]
    assert bool(found) == busy
    if busy:
        assert "quiet hours begin at 10:00" in found[0].meaning
