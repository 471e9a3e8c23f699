"""Read products that are not in the graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.arrays import Int32
from gnn_search.config.recipe import Recipe
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph
from gnn_search.graph.taxonomy import PATH_SEPARATOR
from gnn_search.model.features import ProductFacts
from gnn_search.tables.columns import recipe_columns
from gnn_search.tables.ids import IdColumn, settle_id_type
from gnn_search.tables.products import check_products
from gnn_search.tables.scan import TableSource, find_given_source, read_columns
from gnn_search.trained.model import Model


@dataclass(frozen=True)
class NewProducts:
    """Products of a file.

    Attributes:
        facts: What the product tower reads of them.
        set_aside: Rows that can't be used, by reason.
        placed_higher: Products whose category the graph does not hold, but one above it.
        in_no_category: Products in no category that the graph holds.
        unknown: Those of them whose text has no known word either.
    """

    product_id: pl.Series
    facts: ProductFacts
    read: int
    set_aside: dict[str, int]
    placed_higher: int
    in_no_category: int
    unknown: int


def read_new_products(model: Model, path: Path) -> NewProducts:
    """Read a file with the columns that the graph's recipe names for products; related products are not needed.

    Raises:
        TableError: The file is absent, damaged or empty, lacks a column, or more rows than the recipe allows can't be used.
    """
    graph, source = model.graph, find_given_source("products", path)
    recipe = Recipe.model_validate(graph.manifest.recipe)
    table = recipe.tables.products.model_copy(update={"related": {}, "description": None})
    raw = read_columns(source, recipe_columns(table, "products"))
    ids = {"product_id": graph.nodes("product").to_series(0), "category_id": graph.nodes("category").to_series(0)}
    raw = raw.with_columns(raw[name].cast(_id_type(raw[name], source, known)) for name, known in ids.items() if name in raw.columns)
    checked = check_products(raw, table, None, source, recipe.max_reject_share)
    category, placed_higher = _categories(graph, checked.rows)
    facts = ProductFacts.of_new(graph, model.config.product, model.towers.shared, checked.rows, category)
    worded = model.towers.text.knows(facts.texts)
    reasons = checked.rejects["reason"].value_counts(sort=True)
    return NewProducts(
        product_id=checked.rows["product_id"],
        facts=facts,
        read=checked.read,
        set_aside=dict(reasons.iter_rows()),
        placed_higher=placed_higher,
        in_no_category=int((category < 0).sum()),
        unknown=int(((category < 0) & ~worded).sum()),
    )


def _id_type(column: pl.Series, source: TableSource, known: pl.Series) -> pl.DataType:
    if known.dtype == pl.String:
        return pl.String()
    return settle_id_type([IdColumn(column, source.typed, f"'{column.name}' of the {source.name} table ({source.place})")])


def _categories(graph: Graph, products: pl.DataFrame) -> tuple[Int32, int]:
    """Return each product's category, -1 for none, and how many stand above the category that they name."""
    nodes = graph.nodes("category")
    if "category_id" in products.columns:
        return IdLookup(nodes["category_id"]).find(products["category_id"]), 0
    if "category_path" not in products.columns:
        return np.full(products.height, -1, dtype=np.int32), 0
    paths, lookup = products["category_path"], IdLookup(nodes["path"])
    category = lookup.find(paths.list.join(PATH_SEPARATOR))
    length = paths.list.len().fill_null(0).to_numpy()
    higher = 0
    for level in range(int(length.max(initial=0)) - 1, 0, -1):
        lost = np.flatnonzero((category < 0) & (length > level))
        category[lost] = lookup.find(paths.gather(lost).list.head(level).list.join(PATH_SEPARATOR))
        higher += int((category[lost] >= 0).sum())
    return category, higher
