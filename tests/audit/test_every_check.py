"""No check without a planted fault that it must find."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gnn_search.audit.model_checks import MODEL_CHECKS
from gnn_search.audit.run import GRAPH_CHECKS

NAMES = [check.name for check in (*GRAPH_CHECKS, *MODEL_CHECKS)]


def test_names_are_distinct():
    assert len(set(NAMES)) == len(NAMES) > 12


@pytest.mark.parametrize("name", NAMES)
def test_some_test_expects_the_check_to_find_something(name):
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*_*s.py"))
    assert re.search(rf'(, |== \[?)"{name}"[)\]]', tests)
