"""Training: it learns, the same seed gives the same bytes, and a killed run goes on to the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from rich_shop import PARTS, write_rich_shop
from shops import build, write_tiny_shop
from towers import tiny_config, tiny_settings, unchecked_config

from gnn_search.errors import ArtefactError, DivergenceError, OutputExistsError, RequestError
from gnn_search.graph.cases import build_cases
from gnn_search.graph.store import Graph
from gnn_search.layout import ModelLayout
from gnn_search.sampling.batches import Examples, queries_held_out
from gnn_search.sampling.random_source import RandomSource
from gnn_search.trained.model import save_model
from gnn_search.training import loop
from gnn_search.training.checkpoint import load_checkpoint
from gnn_search.training.loop import StepReport, TrainingResult, train


class KilledError(Exception):
    """Stands for whatever ends a run early."""


def kill_at(step: int):
    def listener(report: StepReport) -> None:
        if report.step == step:
            raise KilledError

    return listener


def weights(result: TrainingResult) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in result.towers.named_parameters()}


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def last_model(out: Path) -> dict[str, torch.Tensor]:
    """Return the weights and stored vectors of the newest checkpoint."""
    saved = load_checkpoint(ModelLayout(out).checkpoint)
    assert saved is not None
    return saved.model


def rows(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in ModelLayout(out).metrics.read_text().splitlines()]


def without_clock(out: Path) -> list[dict[str, float]]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "cpu_seconds")} for row in rows(out)]


@pytest.fixture(scope="module")
def unbroken(tiny_graph, tmp_path_factory) -> tuple[TrainingResult, Path]:
    out = tmp_path_factory.mktemp("unbroken") / "model"
    return train(tiny_config(), tiny_graph, out), out


def test_it_learns(tiny_graph, tmp_path):
    reports: list[StepReport] = []
    result = train(tiny_config(loop={"epochs": 4, "validate_every": 6}), tiny_graph, tmp_path / "model", listener=reports.append)
    losses = [report.loss for report in reports]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    recalls = [report.recall for report in reports if report.recall is not None]
    # A list of ten drawn at random from forty products holds a quarter of what was chosen.
    assert recalls[-1] > 0.35
    assert result.progress.best_recall == max(recalls)
    assert result.progress.finished
    assert len(reports) == result.total_steps == result.progress.step


def test_reports_and_metrics_tell_the_same(tiny_graph, tmp_path):
    reports: list[StepReport] = []
    result = train(tiny_config(), tiny_graph, tmp_path / "model", listener=reports.append)
    assert [report.step for report in reports] == list(range(1, result.total_steps + 1))
    assert {report.total_steps for report in reports} == {result.total_steps}
    held_out = queries_held_out(tiny_graph, 0.08, tiny_config().seed)
    examples = (~held_out[Examples.of(tiny_graph, "train").query]).sum()
    assert sum(report.examples for report in reports) == result.progress.examples == examples
    assert [step for step, report in enumerate(reports, 1) if report.recall is not None] == [
        *range(4, result.total_steps, 4),
        result.total_steps,
    ]
    metrics = rows(tmp_path / "model")
    assert [row["loss"] for row in metrics] == [report.loss for report in reports]
    assert [row.get("validation_recall@10") for row in metrics] == [report.recall for report in reports]
    assert all(0 <= report.waiting <= 1 and report.rate > 0 for report in reports)
    assert [negative["kind"] for negative in result.negatives] == ["in_batch", "uniform", "taxonomy"]


def test_the_best_weights_are_given_back(tiny_graph, tmp_path, monkeypatch):
    recalls = iter([0.1, 0.6, 0.2, 0.3, 0.4, 0.5])
    best = {}

    def recall(encoder, cases, held_out) -> float:
        value = next(recalls)
        if value == 0.6:
            best.update({name: parameter.detach().clone() for name, parameter in encoder.towers.named_parameters()})
        return value

    monkeypatch.setattr(loop, "validation_recall", recall)
    result = train(tiny_config(), tiny_graph, tmp_path / "model")
    assert (result.progress.best_recall, result.progress.best_step) == (0.6, 8)
    assert_same(weights(result), best)


def test_training_stops_when_it_gets_no_better(tiny_graph, tmp_path, monkeypatch):
    recalls = iter([0.3, 0.5, 0.5, 0.4, 0.9])
    monkeypatch.setattr(loop, "validation_recall", lambda encoder, cases, held_out: next(recalls))
    config = tiny_config(loop={"epochs": 5, "validate_every": 2, "patience": 2})
    result = train(config, tiny_graph, tmp_path / "model")
    assert result.progress.step == 8 < result.total_steps
    assert (result.progress.best_recall, result.progress.best_step, result.progress.finished) == (0.5, 4, True)
    again = train(config, tiny_graph, tmp_path / "model", resume=True)
    assert again.progress.step == 8
    assert_same(weights(again), weights(result))
    assert len(rows(tmp_path / "model")) == 8


def test_one_seed_gives_equal_bytes(tiny_graph, unbroken, tmp_path):
    first, out = unbroken
    second = train(tiny_config(), tiny_graph, tmp_path / "second")
    for result, folder in ((first, tmp_path / "one"), (second, tmp_path / "other")):
        save_model(folder, tiny_graph, tiny_config(), result.towers, None, {}, {})
    for file in ("weights.safetensors", "tokenizer.json", "config.yaml"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()
    assert without_clock(tmp_path / "second") == without_clock(out)


def test_another_seed_gives_other_weights(tiny_graph, unbroken, tmp_path):
    other = train(tiny_config(seed=2), tiny_graph, tmp_path / "model")
    assert not torch.equal(weights(other)["text.tokens"], weights(unbroken[0])["text.tokens"])


@pytest.mark.parametrize("settings", [{"validate_every": 1}, {"validate_every": 5}, {"validate_every": 1000}])
def test_validation_does_not_disturb_training(tiny_graph, unbroken, tmp_path, settings):
    train(tiny_config(loop=settings), tiny_graph, tmp_path / "model")
    assert_same(last_model(tmp_path / "model"), last_model(unbroken[1]))
    losses, expected = ([row["loss"] for row in rows(out)] for out in (tmp_path / "model", unbroken[1]))
    assert losses == expected


def test_refreshing_the_stored_vectors_matters(tiny_graph, unbroken, tmp_path):
    train(tiny_config(loop={"refresh_every": 1000}), tiny_graph, tmp_path / "model")
    assert not torch.equal(last_model(tmp_path / "model")["vectors"], last_model(unbroken[1])["vectors"])


@pytest.mark.parametrize(("step", "kept"), [(5, 4), (7, 4), (8, 4), (9, 8)])
def test_a_run_that_broke_off_goes_on_to_the_same_weights(tiny_graph, unbroken, tmp_path, step, kept):
    """A checkpoint is written after every fourth step, once its listener has been told."""
    with pytest.raises(KilledError):
        train(tiny_config(), tiny_graph, tmp_path / "model", listener=kill_at(step))
    reports: list[StepReport] = []
    result = train(tiny_config(), tiny_graph, tmp_path / "model", resume=True, listener=reports.append)
    assert reports[0].step == kept + 1
    whole, out = unbroken
    assert_same(weights(result), weights(whole))
    assert_same(last_model(tmp_path / "model"), last_model(out))
    assert without_clock(tmp_path / "model") == without_clock(out)
    no_clock = {"seconds": 0, "cpu_seconds": 0}
    assert result.progress.model_copy(update=no_clock) == whole.progress.model_copy(update=no_clock)
    assert result.progress.cpu_seconds > 0


def test_with_every_part_on_a_run_goes_on_and_knows_nothing_after_training(tmp_path):
    shop = write_rich_shop(tmp_path / "shop")
    graph, config = build(shop, tmp_path / "graph"), tiny_config(**PARTS)
    whole = train(config, graph, tmp_path / "whole")
    with pytest.raises(KilledError):
        train(config, graph, tmp_path / "model", listener=kill_at(6))
    assert_same(weights(train(config, graph, tmp_path / "model", resume=True)), weights(whole))
    assert_same(last_model(tmp_path / "model"), last_model(tmp_path / "whole"))
    assert without_clock(tmp_path / "model") == without_clock(tmp_path / "whole")
    table = shop.parent / "events.parquet"
    events = pl.read_parquet(table)
    later = pl.col("timestamp") >= pl.datetime(2024, 2, 22)  # the test period
    pl.concat([events.filter(~later), events.filter(later).with_columns(pl.col("product_id").reverse())]).write_parquet(table)
    other = build(shop, tmp_path / "other")
    assert other.manifest.hash != graph.manifest.hash
    assert_same(weights(train(config, other, tmp_path / "second")), weights(whole))


def test_a_run_may_break_off_more_than_once(tiny_graph, unbroken, tmp_path):
    for step, resume in ((5, False), (6, True), (9, True)):
        with pytest.raises(KilledError):
            train(tiny_config(), tiny_graph, tmp_path / "model", resume=resume, listener=kill_at(step))
    result = train(tiny_config(), tiny_graph, tmp_path / "model", resume=True)
    assert_same(weights(result), weights(unbroken[0]))


PROGRAM = """
import json, os, signal, sys
from pathlib import Path
import torch
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.training.loop import train

def listener(report):
    if report.step == 6:
        os.kill(os.getpid(), signal.SIGKILL)

config = TrainingConfig.model_validate(json.loads(sys.argv[1]))
train(config, Graph.open(Path(sys.argv[2])), Path(sys.argv[3]), listener=listener)
"""


def test_a_killed_process_goes_on_to_the_same_weights(tiny_graph, unbroken, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(tiny_settings()), tiny_graph.path, tmp_path / "model"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    # As if the kill had come in the middle of writing.
    with ModelLayout(tmp_path / "model").metrics.open("a") as file:
        file.write('{"step": 7, "lo')
    (ModelLayout(tmp_path / "model").checkpoint / ".step-00000008.partial-1").mkdir()
    result = train(tiny_config(), tiny_graph, tmp_path / "model", resume=True)
    assert_same(weights(result), weights(unbroken[0]))
    assert without_clock(tmp_path / "model") == without_clock(unbroken[1])
    assert [path.name for path in ModelLayout(tmp_path / "model").checkpoint.iterdir()] == [f"step-{result.total_steps:08d}"]


def test_an_ended_run_is_not_done_again(tiny_graph, unbroken, tmp_path):
    out = tmp_path / "model"
    first = train(tiny_config(), tiny_graph, out)
    reports: list[StepReport] = []
    again = train(tiny_config(), tiny_graph, out, resume=True, listener=reports.append)
    assert reports == []
    assert again.progress == first.progress
    assert_same(weights(again), weights(first))


def test_there_is_nothing_to_resume(tiny_graph, tmp_path):
    message = "there is no checkpoint in .* to resume from; remove what is there, if anything, and train without --resume"
    with pytest.raises(ArtefactError, match=message):
        train(tiny_config(), tiny_graph, tmp_path / "model", resume=True)
    assert not (tmp_path / "model").exists()


def test_a_run_killed_before_its_first_validation_is_resumed(tiny_graph, tmp_path):
    with pytest.raises(KilledError):
        train(tiny_config(), tiny_graph, tmp_path / "model", listener=kill_at(2))
    resumed = train(tiny_config(), tiny_graph, tmp_path / "model", resume=True)
    assert_same(weights(resumed), weights(train(tiny_config(), tiny_graph, tmp_path / "unbroken")))


def test_another_configuration_or_graph_is_not_resumed(tiny_graph, tmp_path):
    with pytest.raises(KilledError):
        train(tiny_config(), tiny_graph, tmp_path / "model", listener=kill_at(5))
    with pytest.raises(ArtefactError, match="is of another config; resume with the config that it was started with, or train anew"):
        train(tiny_config(seed=9), tiny_graph, tmp_path / "model", resume=True)
    other = build(write_tiny_shop(tmp_path / "shop", seed=5), tmp_path / "graph")
    with pytest.raises(ArtefactError, match="is of another graph; resume with the graph that it was started with, or train anew"):
        train(tiny_config(), other, tmp_path / "model", resume=True)


def test_a_folder_that_is_taken_is_left_alone(tiny_graph, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="already exists; give another --out, or remove it first"):
        train(tiny_config(), tiny_graph, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_test_events_do_not_matter(tiny_graph, unbroken, tmp_path):
    """Training reads the graph before the test period alone: another test period gives the same weights."""
    shop = write_tiny_shop(tmp_path / "shop")
    table = shop.parent / "events.parquet"
    events = pl.read_parquet(table)
    later = pl.col("timestamp") >= pl.datetime(2024, 2, 22)
    turned = events.filter(later).with_columns(pl.col("product_id").reverse())
    pl.concat([events.filter(~later), turned]).write_parquet(table)
    other = build(shop, tmp_path / "graph")
    assert other.manifest.hash != tiny_graph.manifest.hash
    result = train(tiny_config(), other, tmp_path / "model")
    assert_same(weights(result), weights(unbroken[0]))
    assert without_clock(tmp_path / "model") == without_clock(unbroken[1])


def test_a_plan_is_drawn_once_an_epoch(tiny_graph, tmp_path, monkeypatch):
    drawn: list[int] = []
    plain = RandomSource.generator

    def generator(self, purpose: str, *key: int):
        if purpose == "plan":
            drawn.extend(key)
        return plain(self, purpose, *key)

    monkeypatch.setattr(RandomSource, "generator", generator)
    train(tiny_config(loop={"epochs": 2, "refresh_every": 1}), tiny_graph, tmp_path / "model")
    assert drawn == [0, 1]


def test_being_shown_a_product_teaches_nothing(tmp_path):
    shop = write_tiny_shop(tmp_path / "shop")
    table = shop.parent / "events.parquet"
    early = pl.col("timestamp") < pl.datetime(2024, 2, 14)
    pl.read_parquet(table).with_columns(action=pl.when(early).then(pl.lit("impression")).otherwise("action")).write_parquet(table)
    graph = build(shop, tmp_path / "graph")
    with pytest.raises(
        RequestError, match=r"the training period holds no interaction, only products that were shown; move the recipe's split"
    ):
        train(tiny_config(), graph, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_cases_are_a_sample_of_the_validation_period(tiny_graph: Graph):
    assert len(build_cases(tiny_graph, "validation", tiny_config().loop.validation_cases, 1)) == 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser": {"learning_rate": 1e30, "table_learning_rate": 1e30}}, r"the training diverged: .* of step 1 of \d+ is not finite"),
        (
            {"optimiser": {"weight_decay": 1e30}},
            r"of step \d+ of \d+ is not finite; lower the learning rates under 'optimiser' and train anew",
        ),
        ({"loss": {"kind": "hinge"}, "optimiser": {"learning_rate": 1e30}}, "the training diverged: .* is not finite"),
        # Only the validation sees what the last step did.
        ({"optimiser": {"learning_rate": 1e38}, "loop": {"batch_size": 400, "epochs": 1}}, "the training diverged: .* is not finite"),
        (
            {"text": {"pretrain": {"epochs": 2, "batch_size": 64, "learning_rate": 1e30}}},
            r"pre-training is not finite; .* 'text\.pretrain'",
        ),
    ],
)
def test_a_run_that_diverges_stops_and_leaves_only_numbers(tiny_graph, tmp_path, changes, message):
    with pytest.raises(DivergenceError, match=message):
        train(unchecked_config(**changes), tiny_graph, tmp_path / "model")
    assert not ModelLayout(tmp_path / "model").manifest.exists()
    found = rows(tmp_path / "model") if ModelLayout(tmp_path / "model").metrics.exists() else []
    assert all(np.isfinite(value) for row in found for value in row.values())
