"""How much of the package runs in one call; see `python -m tests.tracing`."""

from __future__ import annotations

import pytest
from paths import traces

MOST = {"search": (24, 75, 30), "batch": (19, 84, 55), "case": (45, 163, 107), "build": (24, 113, 53)}
"""Files, functions and changes of package."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return traces(tmp_path_factory.mktemp("paths"))


@pytest.mark.parametrize("name", MOST)
def test_it_takes_few_files_functions_and_changes_of_package(found, name):
    trace = found[name]
    counted = len(trace.files), len(trace.functions), trace.changes_of_package
    assert all(count <= most for count, most in zip(counted, MOST[name], strict=True)), str(trace)


def test_what_runs_is_found(found):
    assert "graph/build.py:build_graph" in found["build"].functions
    assert len(found["search"].files) > 5
    # A comprehension is part of its function; only a lambda of a module itself has none.
    assert not any(".<locals>.<" in name or ".<" in name.replace(".<locals>", "") for trace in found.values() for name in trace.functions)
