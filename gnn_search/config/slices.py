"""Slices that a recipe or a file declares: parts of the cases, each a condition over the columns of the case table, in the words of SQL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import AfterValidator, StringConstraints

from gnn_search.config.base import StrictModel
from gnn_search.config.files import read_yaml
from gnn_search.errors import ConfigError

_TOKEN = re.compile(
    r"(?P<comment>--|/\*)|(?P<value>'(?:[^']|'')*'|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<quoted>\"(?:[^\"]|\"\")+\")|(?P<word>[^\W\d]\w*)"
    r"|(?P<open>\()|(?P<close>\))|(?P<operator><>|<=|>=|!=|\|\||[=<>+\-*/%,])"
)
_KEYWORDS = frozenset(["AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "IS", "CASE", "WHEN", "THEN", "ELSE", "END"])
_CONSTANTS = frozenset(["TRUE", "FALSE", "NULL"])
_STATEMENTS = frozenset(["SELECT", "FROM", "TABLE", "VALUES", "WITH", "EXISTS"])
_FUNCTIONS = (
    "ABS, AVG, CEIL, COALESCE, CONCAT, COUNT, ENDS_WITH, FLOOR, GREATEST, IF, LEAST, LENGTH, LOWER, MAX, MEDIAN, MIN, NULLIF, REGEXP_LIKE, "
    "ROUND, STARTS_WITH, STRPOS, SUM, UPPER"
)
_LONGEST, _MOST_OPERATORS = 10_000, 200
"""Letters of an expression; its operators, keywords and brackets but for commas. Polars' engine crashes on thousands."""


def check_expression(text: str) -> str:
    """Return an SQL expression over columns, and refuse whatever could do more than compute one.

    Polars' SQL engine opens files and web addresses that a subquery or a table function names, even while it reads the text. So before it
    sees any, the text is held to a short grammar: columns, constants, operators and a few functions, and nothing else.

    Raises:
        ValueError: The text holds something else, is too long, or is no expression.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a slice has at most {_LONGEST:,} letters, this one {len(text):,}; make it shorter")
    before, operators, place = "", 0, 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup == "comment":
            raise ValueError(f"{text[place : place + 2]!r} has no place in a slice; use columns, numbers, 'texts' and operators")
        kind, token, place = str(found.lastgroup), found.group().upper(), found.end()
        called = text[place:].lstrip().startswith("(")
        if kind == "word":
            kind = _kind_of_word(token, called=called)
        elif kind == "quoted":
            kind = "column"
        if before in ("value", "column", "close") and kind in ("value", "column", "function", "open"):
            raise ValueError(f"an operator such as AND is missing before {found.group()[:40]}")
        operators += kind in ("operator", "keyword", "function", "open") and token != ","
        before = kind
    if operators > _MOST_OPERATORS:
        raise ValueError(f"a slice has at most {_MOST_OPERATORS} operators and brackets, this one {operators:,}; make it simpler")
    try:
        pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"this is no SQL expression ({reason}); write one such as words >= 3 AND repeat") from None
    return text


def _kind_of_word(word: str, *, called: bool) -> str:
    if word in _KEYWORDS:
        return "keyword"
    if word in _STATEMENTS:
        raise ValueError(f"a slice is an expression over the columns of one case, without {word}")
    if word in _CONSTANTS:
        return "value"
    if called and word not in _FUNCTIONS.split(", "):
        raise ValueError(f"a slice can't call {word}; the functions are {_FUNCTIONS}")
    return "function" if called else "column"


SliceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Slices = dict[SliceName, Annotated[str, AfterValidator(check_expression)]]


class SlicesFile(StrictModel):
    """A YAML file with the key `slices`, as a recipe may have it."""

    slices: Slices

    @classmethod
    def load(cls, path: Path) -> Slices:
        """Read the slices of a file.

        Raises:
            ConfigError: It does not exist, or holds something else than names and expressions.
        """
        if not path.is_file():
            raise ConfigError(f"there is no file {path}; give a YAML file with slices: {{NAME: EXPRESSION}}")
        return read_yaml(path, cls).slices
