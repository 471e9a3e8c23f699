"""`gnn-search demo-shop` writes the tables that the shipped recipe reads."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gnn_search.cli.main import main
from gnn_search.tables import complete_journey


@pytest.fixture
def quick(monkeypatch):
    """Stand in for the tables, which `tests/tables` tests, so that only the command is."""

    def write(target):
        target.mkdir()
        return {"products": 2, "users": 1, "events": 1500}

    monkeypatch.setattr(complete_journey, "write_complete_journey", write)


@pytest.mark.usefixtures("quick")
def test_rows_and_the_next_step_are_told(tmp_path):
    result = CliRunner().invoke(main, ["demo-shop", "--out", str(tmp_path / "tables")])
    assert result.exit_code == 0, result.stderr
    assert f"Wrote 2 products, 1 users, 1,500 events to {tmp_path / 'tables'}\n" in result.stdout
    assert f"gnn-search build-graph complete_journey --data {tmp_path / 'tables'} --out graph/" in result.stdout


@pytest.mark.usefixtures("quick")
def test_json(tmp_path):
    result = CliRunner().invoke(main, ["demo-shop", "--out", str(tmp_path / "tables"), "--json"])
    assert json.loads(result.stdout) == {"path": str(tmp_path / "tables"), "rows": {"products": 2, "users": 1, "events": 1500}}


def test_an_existing_folder_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = CliRunner().invoke(main, ["demo-shop", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "already exists; give another --out, or remove it first" in result.stderr
