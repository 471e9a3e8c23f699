"""Tables for a terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table


def make_table(*headings: str, title: str | None = None, **settings: Any) -> Table:
    """Return a table: with a frame where it has a title, else without lines. A column whose heading begins with '>' is aligned right."""
    style = {"pad_edge": False, "box": None} if title is None else {"box": box.HEAVY_HEAD}
    table = Table(title=title, **{"title_justify": "left", "caption_justify": "left", **style, **settings})
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    return table
