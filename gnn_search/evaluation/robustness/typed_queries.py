"""Read labelled queries from a file of JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field, StringConstraints, ValidationError

from gnn_search.arrays import Bool, Int64
from gnn_search.config.base import StrictModel
from gnn_search.errors import RequestError
from gnn_search.evaluation.robustness.result import ALL_KINDS
from gnn_search.graph.store import Graph
from gnn_search.graph.taxonomy import PATH_SEPARATOR
from gnn_search.tables.text import normalise_distinct

_FORM = '{"id": "1", "query": "frozen pizzas", "kind": "plural", "accept": ["food > frozen > pizza"]}'
_LONGEST = 200

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class TypedQuery(StrictModel):
    """A query as somebody might type it, and the categories that answer it."""

    id: _Text | int
    query: _Text
    kind: _Text
    accept: list[_Text] = Field(min_length=1, description="Category paths, or their beginnings: whole names joined by ' > '.")
    best: str | None = Field(None, description="The path that should lead; for readers.")


@dataclass(frozen=True, eq=False)
class TypedQueries:
    """Labelled queries of a file.

    Shapes:
        - rows: [n]
        - line: [n], where each stands
        - texts: String [n], normalised
    """

    rows: tuple[TypedQuery, ...]
    line: tuple[int, ...]
    texts: pl.Series

    @property
    def kinds(self) -> list[str]:
        """The kinds, in the order of the file."""
        return list(dict.fromkeys(one.kind for one in self.rows))


@dataclass(frozen=True, eq=False)
class AcceptedCategories:
    """Which categories of a graph each query accepts.

    Shapes:
        - accepted: bool [n, categories + 1], the last for a product without a category
        - unknown: accepted paths that the graph does not hold, with the line of each
        - unanswerable: int64, queries of which it holds none
    """

    accepted: Bool
    unknown: tuple[tuple[str, int], ...]
    unanswerable: Int64


def read_typed_queries(path: Path) -> TypedQueries:
    """Read a file of JSON lines with id, query, kind, accept and best; empty lines are skipped.

    Raises:
        RequestError: The file can't be read or holds no query, or a line is not of that form or repeats an id.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise RequestError(f"expected a file of typed queries, got {path}, which can't be read ({reason}); give JSON lines") from None
    rows, numbers, seen = [], [], dict[str, int]()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _parse(line, f"{path}, line {number}")
        if str(row.id) in seen:
            raise RequestError(f"{path}, line {number}: the id '{row.id}' stands in line {seen[str(row.id)]} too; give each query its own")
        seen[str(row.id)] = number
        rows.append(row)
        numbers.append(number)
    if not rows:
        raise RequestError(f"expected typed queries in {path}, got none; write lines such as {_FORM}")
    texts = normalise_distinct(pl.Series("query", [row.query for row in rows], dtype=pl.String))
    return TypedQueries(tuple(rows), tuple(numbers), texts)


def accepted_categories(queries: TypedQueries, graph: Graph) -> AcceptedCategories:
    """Look the accepted paths up: a category is accepted when its path is one of them or begins with one, by whole names."""
    paths = graph.nodes("category")["path"]
    accepted = np.zeros((len(queries.rows), len(paths) + 1), dtype=np.bool_)
    prefixes = pl.Series([prefix for row in queries.rows for prefix in row.accept], dtype=pl.String)
    under: dict[str, Bool] = {
        prefix: ((paths == prefix) | paths.str.starts_with(f"{prefix}{PATH_SEPARATOR}")).to_numpy()
        for prefix in prefixes.unique().to_list()
    }
    for place, row in enumerate(queries.rows):
        for prefix in row.accept:
            accepted[place, :-1] |= under[prefix]
    lines = zip(queries.rows, queries.line, strict=True)
    unknown = tuple((prefix, line) for row, line in lines for prefix in row.accept if not under[prefix].any())
    return AcceptedCategories(accepted, unknown, np.flatnonzero(~accepted.any(axis=1)))


def _parse(line: str, where: str) -> TypedQuery:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise RequestError(f"{where}: expected a JSON object, got {_short(line)} ({error.msg}); write a line such as {_FORM}") from None
    try:
        row = TypedQuery.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        field = f"'{place}': " if place else ""
        got = "" if first["type"] == "missing" else f", got {_short(json.dumps(first['input'], ensure_ascii=False))}"
        raise RequestError(f"{where}: {field}{first['msg'].lower()}{got}; write a line such as {_FORM}") from None
    if row.kind == ALL_KINDS:
        raise RequestError(f"{where}: the kind '{ALL_KINDS}' is that of all queries together; give this one another")
    return row


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
