"""The graph as it would have been built earlier: the same cuts, whole test lengths back."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from gnn_search.config.recipe import Recipe, SplitByJudgements, SplitByLast, SplitByTime
from gnn_search.errors import ConfigError, TableError
from gnn_search.graph.split import cut_in_time
from gnn_search.graph.store import to_datetime, to_time
from gnn_search.tables.load import ShopTables


def as_of_window(recipe: Recipe, tables: ShopTables, back: int) -> tuple[Recipe, ShopTables]:
    """Move the cuts back by whole test lengths and leave out all events from the new end on.

    The test period of window n + 1 ends where that of window n starts, so windows share no case; a window's training goes on through the
    test periods of those before it, as it would in use.

    Args:
        recipe: The recipe of the newest window.
        tables: Its tables.
        back: Test lengths to go back; 0 is the newest window.

    Returns:
        The recipe with the window's own cuts, and the tables with the events before its end.

    Raises:
        ConfigError: The split has no periods to move.
        TableError: The events do not go back so far.
    """
    recipe = _moved(recipe, tables.events, back) if back else recipe
    if isinstance(recipe.split, SplitByTime) and recipe.split.end is not None:
        tables = replace(tables, events=tables.events.filter(pl.col("time") < to_time(recipe.split.end)))
    if recipe.tables.events is not None and tables.events.is_empty():
        raise TableError("events: none is left before the end of the recipe's split; move it")
    return recipe, tables


def _moved(recipe: Recipe, events: pl.DataFrame, back: int) -> Recipe:
    split = recipe.split
    if isinstance(split, SplitByLast | SplitByJudgements):
        what = "last interactions" if isinstance(split, SplitByLast) else "judgements"
        raise ConfigError(f"--back needs periods to move, and a split by {what} has none; give a split by time or column")
    cuts = cut_in_time(recipe, events)
    end = to_time(split.end) if isinstance(split, SplitByTime) and split.end is not None else int(events["time"][-1]) + 1
    length = end - cuts.test
    validation, first = cuts.validation - back * length, int(events["time"][0])
    if validation <= first:
        most = max((cuts.validation - first - 1) // length, 0)
        raise TableError(
            f"events: they begin at {to_datetime(first)}, so {back} test lengths earlier, when validation would start at "
            f"{to_datetime(validation)}, there is nothing to train on; go back by at most {most}"
        )
    moved = SplitByTime(
        by="time",
        validation=to_datetime(validation),
        test=to_datetime(cuts.test - back * length),
        end=to_datetime(end - back * length),
        hold_out=split.hold_out,
    )
    return recipe.model_copy(update={"split": moved})
