"""New users and new products by design: what is known of a share of them from before the test period is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from gnn_search.config.recipe import Recipe
from gnn_search.errors import TableError
from gnn_search.graph.node_tables import NodeTables, number_events
from gnn_search.graph.split import Cuts, example_rows
from gnn_search.layout import GraphLayout
from gnn_search.tables.load import ShopTables

HELD_OUT = "held_out"
"""Name of the stored examples that are left out of the graph."""
NEW_USER, NEW_PRODUCT = "new_user", "new_product"
"""Their columns: for whose sake an event is left out."""


@dataclass(frozen=True)
class HeldOut:
    """A shop parted into what the graph may know and what it may not.

    Attributes:
        tables: The shop without the events that are held out.
        events: Those events, with `new_user` and `new_product`; None where the recipe holds out nothing.
    """

    tables: ShopTables
    events: pl.DataFrame | None


def hold_out(recipe: Recipe, tables: ShopTables, cuts: Cuts) -> HeldOut:
    """Leave out the events from before the test period of a seeded share of users and of products.

    All their events go, whatever the action, so neither training nor serving has heard of them when the test period starts; in it, they
    are there as ever. Products stay in the catalogue, but no longer in anybody's lists of related products, nor have such lists: these
    come from what users did.

    Raises:
        TableError: No event is left for training or validation.
    """
    settings = recipe.split.hold_out
    if settings is None:
        return HeldOut(tables, None)
    before = pl.col("time") < cuts.test
    known = tables.events.filter(before)
    users = _drawn(known["user_id"], settings.users, [settings.seed, 0])
    products = _drawn(known["product_id"], settings.products, [settings.seed, 1])
    marked = tables.events.with_columns(
        (before & pl.col("user_id").is_in(users.implode())).fill_null(False).alias(NEW_USER),
        (before & pl.col("product_id").is_in(products.implode())).alias(NEW_PRODUCT),
    )
    out = pl.col(NEW_USER) | pl.col(NEW_PRODUCT)
    kept = marked.filter(~out).drop(NEW_USER, NEW_PRODUCT)
    for name, part in (("train", pl.col("time") < cuts.validation), ("validation", (pl.col("time") >= cuts.validation) & before)):
        if kept.filter(part).is_empty():
            raise TableError(f"events: hold_out leaves none for {name}; hold out a smaller share of users or products")
    related = [_unrelated(pl.col(name), products) for name in recipe.tables.products.related]
    return HeldOut(replace(tables, events=kept, products=tables.products.with_columns(related)), marked.filter(out))


def write_held_out(layout: GraphLayout, held: HeldOut, nodes: NodeTables, recipe: Recipe) -> dict[str, int]:
    """Write the events that are held out as examples of no period; return their number by that name, nothing where none is wanted."""
    if held.events is None:
        return {}
    columns = [*recipe.tables.labels, NEW_USER, NEW_PRODUCT]
    example_rows(number_events(held.events, nodes), held.events, columns).write_parquet(layout.examples(HELD_OUT))
    return {HELD_OUT: held.events.height}


def _drawn(ids: pl.Series, share: float, seed: Sequence[int]) -> pl.Series:
    """Draw a share of the distinct ids, at least one of a share above 0; the order of the table does not matter."""
    distinct = ids.drop_nulls().unique().sort()
    count = max(round(share * len(distinct)), 1) if share else 0
    random = np.random.Generator(np.random.Philox(seed))
    return distinct.gather(random.permutation(len(distinct))[:count])


def _unrelated(column: pl.Expr, products: pl.Series) -> pl.Expr:
    """Empty the lists of some products and take them out of the lists of others."""
    held = products.implode()
    others = column.list.eval(pl.element().filter(~pl.element().is_in(held)))
    return pl.when(pl.col("product_id").is_in(held)).then(None).otherwise(others).alias(column.meta.output_name())
