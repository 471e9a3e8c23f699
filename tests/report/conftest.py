"""A model with a record of its training, runs of it, and the page of each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from models import write_model

from gnn_search.cli.main import main
from gnn_search.cli.negatives import run_summary
from gnn_search.layout import ModelLayout


def command(*arguments: object) -> None:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def recorded_model(tiny_model, tmp_path_factory) -> Path:
    """A model folder with a record of its training and a study of its negatives, as training leaves them."""
    layout = ModelLayout(shutil.copytree(tiny_model, tmp_path_factory.mktemp("recorded") / "model"))
    lines = [
        {"step": step, "examples": 64 * step, "seconds": 0.1 * step, "loss": 4 / step, "pool_loss": 3 / step}
        | ({"validation_recall@10": 0.1 * step} if step % 3 == 0 else {})
        for step in range(1, 7)
    ]
    layout.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    manifest = json.loads(layout.manifest.read_text())
    manifest["training"] = {
        "steps": 6,
        "examples": 384,
        "seconds": 2.5,
        "cpu_seconds": 4.5,
        "share_waiting_for_batches": 0.1,
        "negatives": run_summary(tiny_model)["samplers"],
    }
    layout.manifest.write_text(json.dumps(manifest))
    return layout.root


@pytest.fixture(scope="session")
def runs(recorded_model, tiny_graph, tmp_path_factory) -> tuple[Path, Path]:
    """Runs of an older model, without a record of its training, and of `recorded_model`, over the same cases."""
    folder = tmp_path_factory.mktemp("report_runs")
    old = write_model(tiny_graph, folder / "old_model", seed=5)
    for model, run in ((old, "old"), (recorded_model, "new")):
        command("evaluate", model, "--resamples", 20, "--baselines", "popularity,own_history,bm25", "--out", folder / run)
    return folder / "old", folder / "new"


@pytest.fixture(scope="session")
def page(runs, recorded_model, tmp_path_factory) -> Path:
    """The page of both runs, with every section that there is."""
    pytest.importorskip("matplotlib", reason="a page needs the extra 'report'")
    folder = tmp_path_factory.mktemp("page")
    out = folder / "report.html"
    command("index", recorded_model, "--kind", "fp16", "--out", folder / "index")
    command("report", *runs, "--index", folder / "index", "--out", out)
    return out
