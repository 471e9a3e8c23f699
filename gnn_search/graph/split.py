"""Cut the events into train, validation and test, each a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from gnn_search.config.recipe import MEASURED, Recipe
from gnn_search.errors import TableError
from gnn_search.graph.node_tables import EventNodes
from gnn_search.graph.split_by_last import cuts_by_last, measured_by_last
from gnn_search.graph.store import to_datetime, to_time
from gnn_search.layout import GraphLayout
from gnn_search.tables.events import SPLITS


@dataclass(frozen=True)
class Cuts:
    """When validation and test start, µs. Training is all before, test goes on to the end."""

    validation: int
    test: int


def cut_in_time(recipe: Recipe, events: pl.DataFrame) -> Cuts:
    """Find the cuts: from the recipe, from the events' `split` column, which must agree with time, or from the users' last interactions.

    Raises:
        TableError: No event is left for a split, the column lets a later split start before an earlier one ends, or no time divides any
            user's last interactions.
    """
    cuts = _cuts(recipe, events)
    edges = np.searchsorted(events["time"].to_numpy(), [cuts.validation, cuts.test])
    sizes = dict(zip(SPLITS, np.diff([0, *edges, events.height]), strict=True))
    for name, size in sizes.items():
        if not size:
            first, last = to_datetime(events["time"][0]), to_datetime(events["time"][-1])
            raise TableError(
                f"events: none is left for {name}; they run from {first} to {last}, validation starts {to_datetime(cuts.validation)} and "
                f"test {to_datetime(cuts.test)}; move the cuts in the recipe's split"
            )
    return cuts


def mark_measured(recipe: Recipe, events: pl.DataFrame, cuts: Cuts) -> pl.DataFrame:
    """Mark the events that are measured, where the split measures only some of its periods' events."""
    if recipe.split.by != "last":
        return events
    return events.with_columns(measured_by_last(events, cuts.validation, cuts.test).alias(MEASURED))


def write_examples(layout: GraphLayout, events: EventNodes, table: pl.DataFrame, cuts: Cuts, recipe: Recipe) -> dict[str, int]:
    """Write one Parquet file a split; return the number of rows of each, and how many are measured where not all are."""
    columns = [*recipe.tables.labels, *([MEASURED] if MEASURED in table.columns else [])]
    examples = example_rows(events, table, columns)
    ends = [*np.searchsorted(events.time, [cuts.validation, cuts.test]).tolist(), len(events.time)]
    (layout.root / "examples").mkdir()
    counts: dict[str, int] = {}
    for split, start, end in zip(SPLITS, [0, *ends], ends, strict=False):
        examples[start:end].write_parquet(layout.examples(split))
        counts[split] = end - start
        if MEASURED in examples.columns and split != "train":
            counts[f"{split}_{MEASURED}"] = int(examples[start:end][MEASURED].sum())
    return counts


def example_rows(events: EventNodes, table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return events as they are stored: node numbers (a null user is nobody), times, and some columns of the events table."""
    return pl.DataFrame(
        {
            "user": pl.Series(events.user).replace(-1, None),
            "query": events.query,
            "product": events.product,
            "action": table["action"],
            "time": events.time,
            "session_start": events.session_start,
            "weight": events.weight,
        }
    ).with_columns(table.select(columns))


def _cuts(recipe: Recipe, events: pl.DataFrame) -> Cuts:
    split = recipe.split
    if split.by == "time":
        return Cuts(to_time(split.validation), to_time(split.test))
    return Cuts(*cuts_by_last(split, events)) if split.by == "last" else _cuts_of_column(events)


def _cuts_of_column(events: pl.DataFrame) -> Cuts:
    ranges = events.group_by("split").agg(pl.col("time").min().alias("first"), pl.col("time").max().alias("last"))
    spans = {split: (first, last) for split, first, last in ranges.iter_rows()}
    missing = [split for split in SPLITS if split not in spans]
    if missing:
        raise TableError(f"events: column split has no row marked {missing[0]}; it must mark rows as train, validation and test")
    for earlier, later in pairwise(SPLITS):
        if spans[earlier][1] >= spans[later][0]:
            raise TableError(
                f"events: column split puts a {earlier} event at {to_datetime(spans[earlier][1])}, after the first {later} event at "
                f"{to_datetime(spans[later][0])}; a split must follow time, so that nothing is learned from the future"
            )
    return Cuts(spans["validation"][0], spans["test"][0])
