"""Words that mean the same, from a file of the shop."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gnn_search.errors import TableError
from gnn_search.graph.store import Graph
from gnn_search.tables.text import normalise_distinct

_SCHEMA = {"source": pl.String, "target": pl.String}
_FORM = "a group of at least two, 'soda, soft drink, pop', or one way, 'tee => t-shirt'"


def read_synonyms(file: Path) -> pl.DataFrame:
    """Read a file of synonyms: what is typed (`source`) and what it may say as well (`target`), a row a pair.

    A line is a group whose members all mean the same, divided by commas, or has what is typed before `=>` and what is meant after it. Blank
    lines and those that begin with `#` say nothing.

    Raises:
        TableError: There is no such file, it is no UTF-8 text, or a line is neither.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise TableError(f"there is no file {file}, which the recipe names as 'synonyms'; correct the path or leave the key away") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{file} (key 'synonyms'): expected a text file in UTF-8, got {error}; write it anew as UTF-8") from None
    rows: list[tuple[str, str]] = []
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").strip()
        if text and not text.startswith("#"):
            rows += _pairs_of_line(text, f"line {number} of {file}")
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    table = table.with_columns(normalise_distinct(table["source"]), normalise_distinct(table["target"]))
    return table.filter(pl.col("source") != pl.col("target")).unique(maintain_order=True)


def _pairs_of_line(line: str, place: str) -> list[tuple[str, str]]:
    sides = [[name.strip() for name in side.split(",")] for side in line.split("=>")]
    if len(sides) > 2 or not all(all(side) for side in sides) or (len(sides) == 1 and len(sides[0]) < 2):
        raise TableError(f"{place}: expected {_FORM}, got '{line[:80]}'; correct or remove the line")
    return [(source, target) for source in sides[0] for target in sides[-1]]


def open_synonyms(graph: Graph) -> pl.DataFrame:
    """Return the synonyms that a graph keeps, as `read_synonyms` does; none where its recipe names no file."""
    file = graph.layout.synonyms
    return pl.read_parquet(file) if file.exists() else pl.DataFrame(schema=_SCHEMA)
