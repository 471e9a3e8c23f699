"""Slices that a recipe or a file declares: parts of the cases, each an SQL expression over the columns of the case table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import AfterValidator, StringConstraints

from gnn_search.config.base import StrictModel
from gnn_search.config.files import read_yaml
from gnn_search.errors import ConfigError

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def _readable(text: str) -> str:
    """Let polars read the expression, which runs no code, and refuse what it can't.

    A subquery would open the files that it names, even while it is read.
    """
    if re.search(r"\bselect\b", _QUOTED.sub("", text), re.IGNORECASE):
        raise ValueError("a slice is an expression over the columns of one case, without SELECT")
    try:
        pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"this is no SQL expression ({reason}); write one such as words >= 3 AND repeat") from None
    return text


SliceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Slices = dict[SliceName, Annotated[str, AfterValidator(_readable)]]


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
