"""Pre-training: queries come near the texts of what was chosen for them, the same way each time, and a kill changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional
from towers import random_towers, tiny_config

from gnn_search.graph.store import Graph
from gnn_search.layout import ModelLayout
from gnn_search.model.text_tower import TextTower
from gnn_search.sampling.batches import Examples
from gnn_search.training.checkpoint import load_checkpoint
from gnn_search.training.loop import StepReport, train
from gnn_search.training.pretrain import distinct_pairs, pretrain

EPOCHS = 2
CONFIG = tiny_config(text={"pretrain": {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 0.02}})


class KilledError(Exception):
    """Stands for whatever ends a run early."""


def run(tower: TextTower, config, examples: Examples, num_nodes, listener) -> None:
    own = {"temperature": config.loss.temperature, "seed": config.seed}
    pretrain(tower, config.text.pretrain, config.optimiser, examples, num_nodes, listener, **own)


def pretrained(graph: Graph, epochs: int = 30) -> tuple[TextTower, TextTower, list[float]]:
    """Return a tower before and after, and the losses on the way."""
    config = tiny_config(text={"pretrain": {"epochs": epochs, "batch_size": 16, "learning_rate": 0.02}})
    before, after = (random_towers(graph, config).text for _ in range(2))
    losses: list[float] = []
    run(after, config, Examples.of(graph, "train"), graph.num_nodes, lambda step, total, pairs, loss: losses.append(loss))
    return before, after, losses


def alignment(tower: TextTower, query: np.ndarray, product: np.ndarray) -> float:
    with torch.no_grad():
        cosine = functional.cosine_similarity(tower.nodes("query", query), tower.nodes("product", product), dim=1)
        everyone = functional.normalize(tower.nodes("product"), dim=1).mean(dim=0)
        chance = functional.normalize(tower.nodes("query", query), dim=1) @ everyone
    return float((cosine - chance).mean())


def test_queries_come_near_what_was_chosen_for_them(tiny_graph):
    before, after, losses = pretrained(tiny_graph)
    query, product = distinct_pairs(Examples.of(tiny_graph, "train"), tiny_graph.num_nodes["product"])
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    assert alignment(after, query, product) > alignment(before, query, product) + 0.1


def test_every_pair_counts_once():
    query, product = np.array([2, 0, 2, 2], np.int32), np.array([5, 1, 5, 4], np.int32)
    nothing = np.zeros(4)
    pairs = distinct_pairs(Examples(nothing, query, product, nothing, nothing, nothing, nothing), 6)
    assert [part.tolist() for part in pairs] == [[0, 2, 2], [1, 4, 5]]
    assert pairs[0].dtype == pairs[1].dtype == np.int32


def test_all_steps_are_told_of(tiny_graph):
    told = []
    tower = random_towers(tiny_graph, CONFIG).text
    examples = Examples.of(tiny_graph, "train")
    run(tower, CONFIG, examples, tiny_graph.num_nodes, lambda step, total, pairs, loss: told.append((step, total, pairs)))
    pairs = len(distinct_pairs(examples, tiny_graph.num_nodes["product"])[0])
    assert [step for step, _, _ in told] == list(range(1, told[0][1] + 1))
    assert sum(size for _, _, size in told) == EPOCHS * pairs


def test_known_products_are_never_taught_as_wrong(make_graph):
    """Where everyone chose everything for the one query, nothing is wrong, so nothing is learned."""
    products = [(f"p{number}", f"word{number}", None, None) for number in range(4)]
    events = [("ann", "asked", f"p{number % 4}", day, "purchase", f"s{day}", "x") for day, number in ((0, 0), (1, 1), (2, 2), (3, 3))]
    later = [("ann", "asked", "p0", day, "purchase", f"s{day}", "x") for day in (12, 25)]
    graph = make_graph(products, events + later)
    config = tiny_config(text={"pretrain": {"epochs": 3, "batch_size": 4}}, optimiser={"weight_decay": 0.0})
    tower = random_towers(graph, config).text
    before = {name: value.detach().clone() for name, value in tower.named_parameters()}
    losses: list[float] = []
    run(tower, config, Examples.of(graph, "train"), graph.num_nodes, lambda step, total, pairs, loss: losses.append(loss))
    assert max(losses) < 1e-6
    for name, value in tower.named_parameters():
        torch.testing.assert_close(value, before[name], rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def unbroken(tiny_graph, tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "model"
    reports: list[StepReport] = []
    return train(CONFIG, tiny_graph, out, listener=reports.append), out, reports


def last_model(out) -> dict[str, torch.Tensor]:
    saved = load_checkpoint(ModelLayout(out).checkpoint)
    assert saved is not None
    return saved.model


def kill_when(condition):
    def listener(report: StepReport) -> None:
        if condition(report):
            raise KilledError

    return listener


@pytest.mark.parametrize(
    "condition",
    [
        lambda report: report.pretraining and report.step == 1,
        lambda report: report.pretraining and report.step == report.total_steps,
        lambda report: not report.pretraining and report.step == 1,
        lambda report: not report.pretraining and report.step == 6,
    ],
    ids=["at its start", "at its end", "after it", "well after it"],
)
def test_a_killed_run_goes_on_to_the_same_weights(tiny_graph, unbroken, tmp_path, condition):
    out = tmp_path / "model"
    with pytest.raises(KilledError):
        train(CONFIG, tiny_graph, out, listener=kill_when(condition))
    reports: list[StepReport] = []
    train(CONFIG, tiny_graph, out, resume=True, listener=reports.append)
    found, expected = last_model(out), last_model(unbroken[1])
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert [report.loss for report in reports] == [report.loss for report in unbroken[2]][-len(reports) :]


def test_it_comes_first_and_changes_what_is_learned(tiny_graph, unbroken, tmp_path):
    reports = unbroken[2]
    steps = sum(report.pretraining for report in reports)
    assert [report.pretraining for report in reports] == [True] * steps + [False] * (len(reports) - steps)
    assert steps > 0
    train(tiny_config(), tiny_graph, tmp_path / "model")
    assert not torch.equal(last_model(tmp_path / "model")["text.tokens"], last_model(unbroken[1])["text.tokens"])


def test_it_needs_the_products_texts():
    with pytest.raises(ValidationError, match=r"text\.pretrain brings queries near the texts of products; it needs product\.text"):
        tiny_config(text={"pretrain": {"epochs": 1}}, product={"text": False})
