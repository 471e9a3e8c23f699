"""stdout carries data, stderr progress."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from gnn_search.cli.output import console, emit, progress


class Found(BaseModel):
    title: str
    recall: float


def test_json_goes_to_stdout_and_is_strict(capsys):
    emit(Found(title="crème [red]", recall=float("nan")), True, lambda console: console.print("not this"))
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"title": "crème [red]", "recall": None}
    assert captured.err == ""


def test_json_of_a_mapping_writes_paths_as_text(capsys):
    emit({"out": Path("a/b"), "rows": 3}, True, lambda console: None)
    assert json.loads(capsys.readouterr().out) == {"out": "a/b", "rows": 3}


def test_without_json_the_result_is_rendered_to_stdout(capsys):
    emit({"rows": 3}, False, lambda console: console.print("3 rows"))
    captured = capsys.readouterr()
    assert captured.out == "3 rows\n"
    assert captured.err == ""


def test_text_of_the_shop_is_no_markup(capsys):
    console().print("milk [red]2%[/red] :smile:")
    assert capsys.readouterr().out == "milk [red]2%[/red] :smile:\n"


def test_short_work_prints_no_progress_without_a_terminal(capsys):
    with progress("examples") as bars:
        task = bars.add_task("Training", total=10)
        bars.advance(task, 10)
        assert bars.tasks[0].completed == 10
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_long_work_prints_a_line_every_ten_seconds_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("gnn_search.cli.output.SECONDS_A_LINE", 10)
    seconds = 0.0
    with progress("cases", clock=lambda: seconds) as bars:
        task = bars.add_task("bm25", total=4000)
        for _ in range(4):
            seconds += 4
            bars.advance(task, 400)
        assert capsys.readouterr().err == "bm25: 1,200 of 4,000 cases, 100 cases/s, 0:00:28 left\n"
        seconds += 9
        bars.update(task, completed=4000, description="bm25 [red]")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "bm25 [red]: 4,000 of 4,000 cases, 171 cases/s\n"


def test_progress_without_a_total_counts_what_is_done(capsys, monkeypatch):
    monkeypatch.setattr("gnn_search.cli.output.SECONDS_A_LINE", 10)
    seconds = 0.0
    with progress("rows", clock=lambda: seconds) as bars:
        task = bars.add_task("export", total=None)
        seconds = 11.0
        bars.update(task, completed=30)
    assert capsys.readouterr().err == "export: 30 rows\n"


def test_progress_on_a_terminal_shows_the_rate_on_stderr(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    with progress("examples") as bars:
        task = bars.add_task("Training", total=1000)
        bars.advance(task, 400)
        bars.advance(task, 600)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1000/1000" in captured.err
    assert "examples/s" in captured.err
