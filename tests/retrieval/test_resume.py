"""A run that was stopped goes on to the same file, and only as what it was begun as."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import ArtefactError, OutputExistsError, RequestError
from gnn_search.layout import read_json, write_json
from gnn_search.retrieval.options import open_ranking_options
from gnn_search.retrieval.retrieve import retrieve
from gnn_search.retrieval.unfinished import Unfinished
from gnn_search.trained.model import open_model

REQUESTS, BLOCK = 100, 13


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


@pytest.fixture(scope="module")
def source(model, tmp_path_factory) -> Path:
    random = np.random.default_rng(3)
    queries = [*model.graph.nodes("query")["query"].to_list(), "Never  asked", "brot", "🍞"]
    users = random.choice(np.array([*range(1, 16), 999, None], object), REQUESTS).tolist()
    path = tmp_path_factory.mktemp("source") / "in.csv"
    pl.DataFrame({"user_id": users, "query": random.choice(queries, REQUESTS).tolist()}).write_csv(path)
    return path


def run(model, source, out, k: int = 5, as_of: int = 0, **further):
    settings = {"options": open_ranking_options(model, "vector"), "block": BLOCK, **further}
    return retrieve(model, source, out, k, as_of or model.graph.manifest.test_start, **settings)


def run_until(model, source, out, answered: int, **further) -> None:
    """Stop as soon as so many requests are answered."""

    class StopError(Exception):
        pass

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "answer" and done >= answered:
            raise StopError

    with pytest.raises(StopError):
        run(model, source, out, progress=stop, **further)


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl.gz"])
def test_a_stopped_run_ends_as_an_unbroken_one(model, source, tmp_path, name):
    (tmp_path / "unbroken").mkdir()
    unbroken = run(model, source, tmp_path / "unbroken" / name)
    out = tmp_path / name
    run_until(model, source, out, 2 * BLOCK)
    assert not out.exists()
    run_until(model, source, out, 5 * BLOCK, resume=True)
    reported = []
    summary = run(model, source, out, resume=True, progress=lambda *done: reported.append(done))
    assert reported == [("answer", done, 100) for done in (65, 78, 91, 100)]
    assert out.read_bytes() == (tmp_path / "unbroken" / name).read_bytes()
    assert summary.model_dump(exclude={"out", "resumed"}) == unbroken.model_dump(exclude={"out", "resumed"})
    assert (summary.requests, summary.resumed, unbroken.resumed) == (REQUESTS, 65, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "unbroken"])


def test_a_killed_process(tiny_model, model, source, tmp_path):
    """SIGKILL leaves no time to tidy up: in the midst of a block, what was written of it does not count."""
    out = tmp_path / "out.parquet"
    code = f"""
import os, signal
from pathlib import Path
from gnn_search.trained.model import open_model
from gnn_search.retrieval.retrieve import retrieve
from gnn_search.retrieval.options import open_ranking_options
import gnn_search.retrieval.unfinished as unfinished

whole = unfinished.pl.DataFrame.write_parquet
def write(frame, path, **settings):
    whole(frame, path, **settings)
    if "00000003" in str(path):
        os.truncate(path, 100)
        os.kill(os.getpid(), signal.SIGKILL)
unfinished.pl.DataFrame.write_parquet = write
model = open_model(Path({str(tiny_model)!r}))
options, as_of = open_ranking_options(model, "vector"), model.graph.manifest.test_start
retrieve(model, Path({str(source)!r}), Path({str(out)!r}), 5, as_of, options=options, block={BLOCK})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = Unfinished(out).folder
    assert sorted(path.name for path in folder.glob("0*")) == ["00000000.parquet", "00000001.parquet", "00000002.parquet"]
    assert list(folder.glob(".0*"))
    assert run(model, source, out, resume=True).resumed == 3 * BLOCK
    run(model, source, tmp_path / "unbroken.parquet")
    assert out.read_bytes() == (tmp_path / "unbroken.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "unbroken.parquet"]


def test_killed_between_the_last_block_and_the_end(model, source, tmp_path, monkeypatch):
    """Before the file is moved, and after it was moved and the blocks are still there."""
    out = tmp_path / "out.parquet"
    expected = run(model, source, tmp_path / "unbroken.parquet")

    real = os.replace

    def run_until_failure(last: Path) -> None:
        """Stop where this file or folder is about to be moved."""

        def replace(source: Path, target: Path) -> None:
            if last in (Path(source), Path(target)):
                raise OSError("stop")
            real(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", replace)
            with pytest.raises(OSError, match="stop"):
                run(model, source, out, resume=True)

    run_until_failure(out)
    assert not out.exists()
    run_until_failure(Unfinished(out).folder)
    assert out.exists()
    assert Unfinished(out).folder.exists()
    again = run(model, source, out, resume=True)
    assert (again.rows, again.resumed) == (expected.rows, REQUESTS)
    assert out.read_bytes() == (tmp_path / "unbroken.parquet").read_bytes()
    assert not Unfinished(out).folder.exists()


def test_nothing_to_resume_is_a_start(model, source, tmp_path):
    assert run(model, source, tmp_path / "out.csv", resume=True).resumed == 0


def test_a_failure_before_the_first_block_leaves_nothing_behind(model, source, tmp_path):
    run_until(model, source, tmp_path / "out.csv", 0)
    (tmp_path / "bad.csv").write_text("query\ntea\n \n")
    with pytest.raises(RequestError, match="row 1"):
        run(model, tmp_path / "bad.csv", tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_an_unfinished_run_is_not_written_over(model, source, tmp_path):
    out = tmp_path / "out.csv"
    run_until(model, source, out, BLOCK)
    with pytest.raises(OutputExistsError, match=r"out.csv.unfinished holds the answers of a run that did not end; go on with --resume, or"):
        run(model, source, out)
    out.write_text("kept")
    with pytest.raises(OutputExistsError, match=r"out.csv already exists"):
        run(model, source, out, resume=True)
    assert out.read_text() == "kept"


def test_a_run_is_resumed_as_what_it_was_begun_as(model, source, tmp_path):
    out = tmp_path / "out.csv"
    run_until(model, source, out, BLOCK)
    other = tmp_path / "other.csv"
    other.write_text(source.read_text().replace("brot", "brod"))
    for changed, name in (
        ({"source": other}, "input"),
        ({"k": 4}, "k"),
        ({"options": open_ranking_options(model, "graph")}, "channel"),
        ({"min_score": 0.1}, "min_score"),
        ({"as_of": model.graph.manifest.test_start + 1}, "as_of"),
        ({"block": 14}, "block"),
    ):
        with pytest.raises(ArtefactError, match=rf"out.csv.unfinished was begun with another {name} \(.*, now .*\); go on with the one"):
            run(model, **{"source": source, "out": out, "resume": True, **changed})
    moved = shutil.copy(source, tmp_path / "moved.csv")
    os.utime(moved, (0, 0))
    assert run(model, Path(moved), out, resume=True).resumed == BLOCK


@pytest.mark.parametrize("what", ["state", "block"])
def test_a_damaged_folder(model, source, tmp_path, what):
    out = tmp_path / "out.csv"
    run_until(model, source, out, BLOCK)
    folder = Unfinished(out).folder
    if what == "state":
        write_json(folder / "state.json", {**read_json(folder / "state.json", "it"), "requests": "many"})
    else:
        (folder / "00000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(ArtefactError, match=r"out.csv.unfinished.* is damaged \(.*\); remove .*out.csv.unfinished, and start anew"):
        run(model, source, out, resume=True)
