"""The public names: each is there, `dir` lists them, and importing the package alone loads nothing heavy."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import gnn_search
from gnn_search import errors

HEAVY = ("torch", "polars", "faiss", "numpy", "pydantic", "click")


@pytest.mark.parametrize("name", gnn_search.__all__)
def test_every_name_leads_to_its_definition(name):
    assert getattr(gnn_search, name) is not None


def test_dir_lists_the_public_names_and_no_others():
    assert dir(gnn_search) == sorted(gnn_search.__all__)
    with pytest.raises(AttributeError, match="'gnn_search' has no attribute 'nothing'"):
        gnn_search.nothing  # noqa: B018


def test_every_error_is_public():
    own = {name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__}
    assert own == {name for name in gnn_search.__all__ if name.endswith("Error")}


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, gnn_search; print([name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
