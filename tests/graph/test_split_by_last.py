"""Leave last out: the moments that divide, what is measured, and that nothing later is seen."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import DAY, write_recipe

from gnn_search.audit.run import audit
from gnn_search.config.recipe import Recipe, SplitByLast
from gnn_search.errors import TableError
from gnn_search.graph.build import build_graph
from gnn_search.graph.cases import build_cases
from gnn_search.graph.split_by_last import cuts_by_last, measured_by_last
from gnn_search.graph.store import Graph

AUTOMATIC = SplitByLast(by="last")


def events(*rows: tuple[str | None, int] | tuple[str | None, int, str] | tuple[str | None, int, str, str]) -> pl.DataFrame:
    """Make events of (user, time, action, session), in time order; a purchase without a session by default."""
    full = [(*row, *("purchase", None)[len(row) - 2 :]) for row in rows]
    schema = {"user_id": pl.String, "time": pl.Int64, "action": pl.String, "session_id": pl.String}
    return pl.DataFrame(full, schema=schema, orient="row").sort("time", maintain_order=True)


def marked(table: pl.DataFrame, validation: int, test: int) -> list[tuple[str | None, int]]:
    return table.filter(measured_by_last(table, validation, test)).select("user_id", "time").rows()


THREE = events(
    ("ann", 1), ("ann", 5), ("ann", 9),
    ("bob", 2), ("bob", 6), ("bob", 8),
    ("cem", 3), ("cem", 4), ("cem", 5),
)  # fmt: skip


def test_the_moment_that_divides_the_most_by_hand():
    # Last choices: ann (5, 9], bob (6, 8], cem (4, 5]. Two hold 7 and 8. Before 8 the ones before are (1, 5], (2, 6] and (3, 4].
    assert cuts_by_last(AUTOMATIC, THREE) == (4, 8)
    assert marked(THREE, 4, 8) == [("cem", 4), ("ann", 5), ("bob", 6), ("bob", 8), ("ann", 9)]


def test_given_moments_are_kept():
    split = SplitByLast(by="last", validation=datetime(1970, 1, 2), test=datetime(1970, 1, 3))
    assert cuts_by_last(split, THREE) == (DAY, 2 * DAY)


def test_who_chooses_twice_from_the_moment_on_is_not_measured():
    assert marked(THREE, 4, 6) == [("cem", 4), ("ann", 5), ("ann", 9)]


def test_a_users_only_choice_is_not_measured():
    table = events(("ann", 1), ("ann", 3), ("ann", 5), ("bob", 6))
    assert marked(table, 3, 5) == [("ann", 3), ("ann", 5)]


def test_a_session_is_one_choice_and_what_is_shown_is_none():
    table = events(
        ("ann", 1, "purchase", "a"), ("ann", 3, "purchase", "b"), ("ann", 4, "click", "b"), ("ann", 6, "purchase", "c"),
        ("ann", 7, "click", "c"), ("ann", 8, "impression", "c"), ("ann", 9, "impression", "d"),
    )  # fmt: skip
    assert cuts_by_last(AUTOMATIC, table) == (3, 6)
    assert marked(table, 3, 6) == [("ann", 3), ("ann", 4), ("ann", 6), ("ann", 7)]


def test_sessions_that_overlap_can_not_be_divided():
    table = events(("ann", 1, "click", "a"), ("ann", 3, "click", "b"), ("ann", 5, "click", "a"))
    with pytest.raises(TableError, match="no time lies between any user's last interaction and the interactions before it"):
        cuts_by_last(AUTOMATIC, table)


def test_choices_at_one_moment_can_not_be_divided():
    table = events(("ann", 1), ("ann", 5), ("ann", 5), ("bob", 5), ("bob", 5))
    with pytest.raises(TableError, match="no time lies between any user's interaction before the last and the interactions before it"):
        cuts_by_last(AUTOMATIC, table)


def test_moments_that_divide_nobody_are_refused():
    with pytest.raises(TableError, match=r"test starts at 1970-01-01 00:00:00.000020, which divides no user's interaction from all"):
        measured_by_last(THREE, 4, 20)
    with pytest.raises(TableError, match=r"validation starts at 1970-01-01 00:00:00.000001, which divides no user's interaction"):
        measured_by_last(THREE, 1, 8)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["ann", "bob", "cem", None]), st.integers(0, 12), st.sampled_from("abc")), min_size=1))
def test_against_a_plain_reading(rows):
    table = events(*[(user, time, "purchase", session) for user, time, session in rows])
    try:
        validation, test = cuts_by_last(AUTOMATIC, table)
    except TableError:
        validation, test = None, None
    sessions = {user: _sessions(rows, user) for user in ("ann", "bob", "cem")}
    found = {moment: sum(_divides(one, moment, 0) for one in sessions.values()) for moment in range(13)}
    if test is None:
        tests = [moment for moment in found if found[moment] == max(found.values())] if any(found.values()) else []
        assert not tests or not any(_divides(one, moment, 1, tests[-1]) for one in sessions.values() for moment in range(13))
        return
    assert test == max(moment for moment in found if found[moment] == max(found.values()))
    earlier = {moment: sum(_divides(one, moment, 1, test) for one in sessions.values()) for moment in range(13)}
    assert validation == max(moment for moment in earlier if earlier[moment] == max(earlier.values()))
    expected = {(user, time) for user, one in sessions.items() if _divides(one, test, 0) for time in one[-1]}
    expected |= {(user, time) for user, one in sessions.items() if _divides(one, validation, 1, test) for time in one[-2]}
    assert set(marked(table, validation, test)) == expected


def _sessions(rows, user) -> list[list[int]]:
    """Return the times of a user's sessions in the order of their starts, those with one start together."""
    named: dict[str, list[int]] = {}
    for who, time, session in sorted(rows, key=lambda row: row[1]):
        if who == user:
            named.setdefault(session, []).append(time)
    merged: dict[int, list[int]] = {}
    for times in named.values():
        merged.setdefault(times[0], []).extend(times)
    return [merged[start] for start in sorted(merged)]


def _divides(sessions, moment, later, end=99) -> bool:
    if len(sessions) < later + 2:
        return False
    own, before = sessions[-1 - later], [time for one in sessions[: -1 - later] for time in one]
    return max(before) < moment <= min(own) and max(own) < end


@pytest.fixture(scope="module")
def last_graph(tiny_shop, tmp_path_factory) -> Graph:
    recipe = Recipe.load(tiny_shop)
    return build_graph(recipe.model_copy(update={"split": AUTOMATIC}), tiny_shop.parent, tmp_path_factory.mktemp("last") / "graph")


@pytest.mark.parametrize("period", ["validation", "test"])
def test_each_case_sees_all_earlier_choices_of_its_user_and_nothing_later(last_graph, period):
    cases = build_cases(last_graph, period)
    choices = pl.concat(last_graph.examples(split) for split in ("train", "validation", "test")).filter(
        pl.col("action").is_in(last_graph.positive_actions)
    )
    assert len(cases)
    for user in np.unique(cases.user):
        own = choices.filter(pl.col("user") == int(user))
        unseen = own.filter(pl.col("time") >= cases.time)
        if period == "validation":
            unseen = unseen.filter(pl.col("session_start") < own["session_start"].max())
        assert unseen["session_start"].n_unique() == 1
        assert own.filter(pl.col("time") < cases.time).height
        shown = sum(
            int(last_graph.before(cases.time).edges((p, f"rev_{action}", u)).degree()[user])
            for u, action, p in last_graph.positive_relations
        )
        assert shown == own.filter(pl.col("time") < cases.time).height


def test_the_audit_finds_no_error(last_graph):
    report = audit(last_graph)
    assert report.of("error") == []
    assert "straddling-sessions" in report.clean


def test_what_can_not_be_divided_is_refused_at_the_build(tmp_path):
    pl.DataFrame({"product_id": ["p"], "title": ["pear"]}).write_parquet(tmp_path / "products.parquet")
    once = {"user_id": ["a", "b"], "query": ["pear"] * 2, "product_id": ["p"] * 2, "timestamp": [datetime(2024, 1, day) for day in (1, 2)]}
    pl.DataFrame(once).write_parquet(tmp_path / "events.parquet")
    recipe = Recipe.load(write_recipe(tmp_path, {"products": {}, "events": {}}, {"by": "last"}))
    with pytest.raises(TableError, match="no time lies between any user's last interaction"):
        build_graph(recipe, tmp_path, tmp_path / "graph")
