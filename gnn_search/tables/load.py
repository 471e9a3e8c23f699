"""Read and check all tables of a shop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnn_search.config.recipe import Recipe
from gnn_search.errors import ConfigError, TableError
from gnn_search.tables.categories import check_categories
from gnn_search.tables.columns import Column, recipe_columns
from gnn_search.tables.events import check_events, no_events
from gnn_search.tables.ids import IdColumn, settle_id_type
from gnn_search.tables.judgements import check_judgements
from gnn_search.tables.products import check_products
from gnn_search.tables.rejects import Checked
from gnn_search.tables.scan import TableSource, find_source, read_columns
from gnn_search.tables.users import check_users


@dataclass(frozen=True)
class ShopTables:
    """A shop's checked tables.

    An id is String or Int64 as the shop gave it, of one type in all tables. Optional columns are there when the recipe names them.

    Attributes:
        products: `product_id` (unique), `title` (not blank), `brand`, `description`, `category_path` (List of String, never empty, null for
            none) or `category_id`, attribute columns (String), numeric columns (Float64), related columns (List of the id's type).
        categories: `category_id`, `parent_id` (null at the top), `name`; unique (`category_id`, `parent_id`). None without such a table.
        events: `user_id` (null: anonymous), `query` (normalised, not empty), `product_id` (one of `products`), `time` (Int64, µs since 1970
            UTC), `action` (String), `session_id`, `weight` (Float32), `split`, label columns (String). Sorted by time, ties in
            source order. Without an events table it has no row.
        judgements: `query` (normalised, not empty), `product_id` (one of `products`), `grade` (Float32), `split`; unique pairs.
            None without such a table.
        users: `user_id` (unique), attribute columns (String). None without such a table.
        rejects: `table`, `row` (Int64, from 0 over the table's files in order), `reason`, `record` (JSON of the row's ids).
        rows_read: Rows of each table before rejects.
    """

    products: pl.DataFrame
    categories: pl.DataFrame | None
    events: pl.DataFrame
    users: pl.DataFrame | None
    judgements: pl.DataFrame | None
    rejects: pl.DataFrame
    rows_read: dict[str, int]


def load_shop_tables(recipe: Recipe, data: Path) -> ShopTables:
    """Read the tables that a recipe names in a folder, rename their columns and set aside what can't be used.

    Raises:
        TableError: A table is missing, damaged, empty, lacks a column or has one of a wrong type; ids of one kind have several types;
            or more rows than `recipe.max_reject_share` can't be used.
        ConfigError: The recipe gives two columns one name, or names a category id without a categories table.
    """
    raw = _one_id_type_each(_read_all(recipe, data))
    tables, share = recipe.tables, recipe.max_reject_share
    checked: dict[str, Checked] = {}
    if tables.categories is not None:
        checked["categories"] = check_categories(raw["categories"].frame, raw["categories"].source, share)
    categories = checked["categories"].rows if "categories" in checked else None
    checked["products"] = check_products(raw["products"].frame, tables.products, categories, raw["products"].source, share)
    known = checked["products"].rows["product_id"]
    if tables.events is not None:
        checked["events"] = check_events(raw["events"].frame, tables.events, known, raw["events"].source, share)
    if tables.judgements is not None:
        checked["judgements"] = check_judgements(raw["judgements"].frame, tables.judgements, known, raw["judgements"].source, share)
    if tables.users is not None:
        checked["users"] = check_users(raw["users"].frame, raw["users"].source, share)
    return ShopTables(
        products=checked["products"].rows,
        categories=categories,
        events=checked["events"].rows if "events" in checked else no_events(known.dtype),
        users=checked["users"].rows if "users" in checked else None,
        judgements=checked["judgements"].rows if "judgements" in checked else None,
        rejects=pl.concat(part.rejects for part in checked.values()),
        rows_read={name: part.read for name, part in checked.items()},
    )


@dataclass(frozen=True)
class _Raw:
    source: TableSource
    columns: Sequence[Column]
    frame: pl.DataFrame


def _read_all(recipe: Recipe, data: Path) -> dict[str, _Raw]:
    if not data.is_dir():
        raise TableError(f"the data folder {data} does not exist; give the folder that the recipe's table paths are relative to")
    tables = recipe.tables
    if tables.products.category_id is not None and tables.categories is None:
        raise ConfigError("tables.products.category_id needs tables.categories to say what the ids mean; name it or give category_path")
    events = tables.events
    if events is not None and recipe.split.by != "column":
        events = events.model_copy(update={"split": None})
    parts = {
        "products": tables.products,
        "categories": tables.categories,
        "events": events,
        "judgements": tables.judgements,
        "users": tables.users,
    }
    wanted = {name: (part.path, recipe_columns(part, name)) for name, part in parts.items() if part is not None}
    for name, (_, columns) in wanted.items():
        _refuse_one_name_twice(name, columns)
    # All are found before any is read: a misspelt path is reported at once.
    sources = {name: find_source(name, path, data) for name, (path, _) in wanted.items()}
    return {name: _Raw(sources[name], columns, read_columns(sources[name], columns)) for name, (_, columns) in wanted.items()}


def _refuse_one_name_twice(name: str, columns: Sequence[Column]) -> None:
    twice = [column for column, count in Counter(column.name for column in columns).items() if count > 1]
    if twice:
        keys = ", ".join(column.key for column in columns if column.name == twice[0])
        raise ConfigError(f"two columns of the {name} table would be called '{twice[0]}' ({keys}); rename one in the table or name it once")


def _one_id_type_each(raw: dict[str, _Raw]) -> dict[str, _Raw]:
    """Cast every id column to the one type of its kind."""
    frames = {name: part.frame for name, part in raw.items()}
    families: dict[str, list[tuple[str, Column]]] = {}
    for name, part in raw.items():
        for column in part.columns:
            if column.kind in ("id", "ids"):
                family = {"ids": "product_id"}.get(column.kind) or {"parent_id": "category_id"}.get(column.name, column.name)
                families.setdefault(family, []).append((name, column))
    for members in families.values():
        dtype = settle_id_type([_id_column(raw[name], column) for name, column in members])
        for name, column in members:
            if column.kind == "id":
                frames[name] = frames[name].with_columns(pl.col(column.name).cast(dtype))
    return {name: _Raw(part.source, part.columns, frames[name]) for name, part in raw.items()}


def _id_column(part: _Raw, column: Column) -> IdColumn:
    return IdColumn(part.frame[column.name], part.source.typed, f"'{column.source}' of the {part.source.name} table ({part.source.place})")
