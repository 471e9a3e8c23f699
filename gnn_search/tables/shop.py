"""A shop's tables as the rest of the package sees them: canonical names, few types, usable rows only."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


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
            source order.
        users: `user_id` (unique), attribute columns (String). None without such a table.
        rejects: `table`, `row` (Int64, from 0 over the table's files in order), `reason`, `record` (JSON of the row's ids).
        rows_read: Rows of each table before rejects.
    """

    products: pl.DataFrame
    categories: pl.DataFrame | None
    events: pl.DataFrame
    users: pl.DataFrame | None
    rejects: pl.DataFrame
    rows_read: dict[str, int]
