"""JSON that people and programs read alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.layout import write_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("json") / "a.json"


@given(value=VALUES)
def test_what_is_written_is_what_is_read(path, value):
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_it_is_laid_out_a_row_a_line(tmp_path):
    rows = [{"mean": 0.5, "k": [10, 20]}, {"k": [], "mean": None}]
    write_json(tmp_path / "a.json", {"rows": rows, "b": [], "a": {1: {"é": [[]]}, 10: {}}, "c": [[1, 2], []]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8").splitlines() == [
        "{",
        '  "a": {',
        '    "1": {',
        '      "é": [[]]',
        "    },",
        '    "10": {}',
        "  },",
        '  "b": [],',
        '  "c": [[1, 2], []],',
        '  "rows": [',
        '    {"k": [10, 20], "mean": 0.5},',
        '    {"k": [], "mean": null}',
        "  ]",
        "}",
    ]


def test_a_long_row_is_broken(tmp_path):
    write_json(tmp_path / "a.json", list(range(100)))
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == json.dumps(list(range(100)), indent=2) + "\n"
