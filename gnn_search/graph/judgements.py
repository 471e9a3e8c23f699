"""Judgements as a part of the graph: relevant pairs as anonymous interactions with a place in time, and all pairs as a table."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl

from gnn_search.arrays import Int64
from gnn_search.config.recipe import JUDGEMENT_ACTION, JudgementsTable
from gnn_search.errors import TableError
from gnn_search.graph.node_tables import NodeTables
from gnn_search.graph.split import Cuts
from gnn_search.layout import GraphLayout
from gnn_search.tables.events import SPLITS
from gnn_search.tables.judgements import hash_texts, relevant_pairs
from gnn_search.tables.load import ShopTables

JUDGEMENTS = "judgements"
"""Name of the stored examples that hold all judged pairs."""
_FIRST = 946_684_800_000_000
"""The year 2000, µs: where the time of a shop begins that has no events."""
_SPAN = 100 * 86_400_000_000
"""A hundred days, µs: how long it lasts; so that windows and half-lives of the usual length divide it well."""


def place_judgements(settings: JudgementsTable, tables: ShopTables, cuts: Cuts | None) -> tuple[ShopTables, Cuts]:
    """Add the relevant pairs to the events, as anonymous interactions of the action `judged`.

    Judgements have no time. Each query gets a place in the order of time, drawn by its hash, and all its pairs stand there, so that a
    graph seen before any of them holds none of them, but those of other queries. Queries of the training split stand before the start of
    validation, those of validation before the start of test, and those of test after it. Beside events they are spread evenly among the
    events of their period; without, evenly over a hundred days.

    Args:
        settings: What the recipe says of them.
        tables: The shop's tables; events sorted by time.
        cuts: Where validation and test start; None for a shop without events, whose judgements say it.

    Returns:
        The tables with these events too, sorted by time, and the cuts.

    Raises:
        TableError: The events have the action `judged` already.
    """
    judgements = tables.judgements
    assert judgements is not None
    if (tables.events["action"] == JUDGEMENT_ACTION).any():
        raise TableError(
            f"events: the action '{JUDGEMENT_ACTION}' is that of judged pairs, which this recipe has too; rename it in the events"
        )
    queries = judgements.select("query", "split").unique(maintain_order=True)
    queries = queries.with_columns(key=pl.Series(hash_texts(queries["query"], settings.seed)))
    ordered = pl.concat(queries.filter(pl.col("split") == split).sort("key", "query") for split in SPLITS)
    sizes = [int((ordered["split"] == split).sum()) for split in SPLITS]
    if cuts is None:
        time = _FIRST + np.arange(ordered.height) * (_SPAN // ordered.height)
        cuts = Cuts(int(time[sizes[0]]), int(time[sizes[0] + sizes[1]]))
    else:
        time = _among(tables.events["time"].to_numpy(), cuts, sizes)
    placed = ordered.with_columns(time=pl.Series(time)).drop("key")
    events = pl.concat([tables.events, _events(judgements, placed, settings, tables.events.schema)])
    return replace(tables, events=events.sort("time", maintain_order=True)), cuts


def write_judgements(layout: GraphLayout, tables: ShopTables, nodes: NodeTables, settings: JudgementsTable) -> dict[str, int]:
    """Write all judged pairs, by query: node numbers, grade, gain, whether the pair is relevant, and the split; return their number."""
    rows = tables.judgements
    assert rows is not None
    for column, node_type in (("query", "query"), ("product_id", "product")):
        lookup = nodes.tables[node_type].select(column, pl.int_range(pl.len(), dtype=pl.Int32).alias(f"{node_type}_node"))
        rows = rows.join(lookup, on=column, how="left", maintain_order="left")
    stored = rows.select(
        pl.col("query_node").alias("query"),
        pl.col("product_node").alias("product"),
        "grade",
        pl.Series("gain", settings.gain(rows["grade"].to_numpy())),
        pl.Series("relevant", relevant_pairs(rows, settings)),
        "split",
    )
    stored.sort("query", "product").write_parquet(layout.examples(JUDGEMENTS))
    return {JUDGEMENTS: stored.height}


def _among(events: Int64, cuts: Cuts, sizes: list[int]) -> Int64:
    """Spread each split's queries evenly among the times of its period's events: int64 [queries]."""
    bounds = [0, *np.searchsorted(events, [cuts.validation, cuts.test]).tolist(), len(events)]
    periods = zip(pairwise(bounds), sizes, strict=True)
    parts = [events[start + np.arange(size) * (end - start) // size] for (start, end), size in periods if size]
    return np.asarray(np.concatenate(parts), dtype=np.int64)


def _events(judgements: pl.DataFrame, placed: pl.DataFrame, settings: JudgementsTable, schema: pl.Schema) -> pl.DataFrame:
    """Return the relevant pairs as events; the most that a grade is worth is the weight 1."""
    rows = judgements.filter(pl.Series(relevant_pairs(judgements, settings))).drop("split")
    gain = settings.gain(rows["grade"].to_numpy())
    rows = rows.with_columns(action=pl.lit(JUDGEMENT_ACTION), weight=pl.Series(gain / gain.max()))
    rows = rows.join(placed, on="query", how="left", maintain_order="left").sort("time", maintain_order=True)
    known = [name for name in schema if name in ("query", "product_id", "time", "action", "weight")]
    return (
        rows.select(known).with_columns(pl.lit(None).alias(name) for name in schema if name not in known).select(list(schema)).cast(schema)
    )
