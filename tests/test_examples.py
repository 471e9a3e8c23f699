"""The examples run as they stand."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def output_of(monkeypatch, capsys) -> Callable[..., str]:
    """Run an example with arguments, as a command line would, and return what it prints."""

    def run(name: str, *arguments: object) -> str:
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_every_example_is_tried():
    tried = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.glob("*.py") if f'output_of("{path.name}"' not in tried] == []


def test_an_own_shop(output_of, tmp_path):
    rows = [line.split() for line in output_of("own_shop.py", tmp_path / "shop").splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert all(row[2] == "tea" for row in rows)


def test_search_from_python(output_of, tiny_graph, tiny_model):
    user = tiny_graph.nodes("user")["user_id"][0]
    rows = output_of("search.py", tiny_model, "bread 0", user).splitlines()
    assert rows[0] == f"bread 0 for user {user}"
    assert [row.split()[0] for row in rows[1:4]] == [row.split()[0] for row in rows[5:8]] == ["1", "2", "3"]
    assert len(rows) == 11


def test_a_pyg_model_learns(output_of, tiny_graph):
    losses = [float(line.split()[-1]) for line in output_of("pyg_model.py", tiny_graph.path).splitlines()]
    assert len(losses) == 3
    assert losses[-1] < losses[0]


def test_an_own_shop_takes_no_more_than_its_lines():
    lines = (EXAMPLES / "own_shop.py").read_text(encoding="utf-8").partition("folder = ")[2].splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith("#")]) <= 30
