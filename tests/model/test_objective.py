"""Hinges by hand, thresholds, and the hardest of the pool against a plain search."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from towers import random_towers, tiny_config

from gnn_search.config.training import LossSettings
from gnn_search.errors import ConfigError
from gnn_search.model.losses import hinge_below, hinge_below_pool
from gnn_search.model.objective import HingeObjective, Thresholds, hardest_of_pool
from gnn_search.sampling.batches import BatchSampler, HardestPart


def test_a_hinge_is_the_mean_excess_of_those_that_score_too_high():
    scores = torch.tensor([[0.9, 0.5, 0.1, 0.7], [0.2, 0.1, 0.0, 0.3], [0.9, 0.9, 0.9, 0.9]])
    valid = torch.tensor([[True, True, True, False], [True] * 4, [False] * 4])
    found = hinge_below(scores, torch.tensor([0.4, 0.4, 0.4]), valid)
    # 0.5 and 0.1 too high; none; none that is valid.
    torch.testing.assert_close(found, torch.tensor([0.3, 0.0, 0.0]))


def test_the_pools_hinge_passes_by_masked_places():
    query, product = torch.eye(2), torch.tensor([[0.9, 0.6], [0.6, 0.9]])
    found = hinge_below_pool(query, product, torch.tensor([0.5, 0.5]), torch.tensor([0]), torch.tensor([0]))
    torch.testing.assert_close(found, torch.tensor([0.1, (0.1 + 0.4) / 2]))


def test_a_hinge_asks_each_action_for_its_own_score():
    """Thresholds 0.6 and 0.2 with margin 0.1: positives should reach 0.7 and 0.3, negatives stay below 0.5 and 0.1."""
    query, product = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.6, 0.8], [0.55, 0.0]])
    batch = SimpleNamespace(positive=np.array([0, 0]), masked_row=np.array([0, 1]), masked_column=np.array([0, 0]))
    objective = HingeObjective(query, product, batch, torch.tensor([0.6, 0.2]), 0.1)
    torch.testing.assert_close(objective.pool(torch.tensor([0, 1])), torch.tensor([0.1 + 0.05, 0.0 + 0.45]))
    found = objective.own(torch.tensor([[0.9], [0.0]]), torch.ones(2, 1, dtype=torch.bool))
    torch.testing.assert_close(found, torch.tensor([0.1 + 0.4, 0.0]))


def test_all_vectors_alike_cost_something():
    batch = SimpleNamespace(positive=np.array([0]), masked_row=np.empty(0, np.int64), masked_column=np.empty(0, np.int64))
    for threshold in (0.5, 0.9, 1.0, 1.1):
        alike = torch.tensor([[1.0, 0.0]])
        assert HingeObjective(alike, alike, batch, torch.tensor([threshold]), 0.1).pool(torch.tensor([0])).item() >= 0.2 - 1e-6


def test_thresholds_are_set_or_learned():
    made = Thresholds(LossSettings(kind="hinge", thresholds={"click": 0.3, "cart": "learned"}), ["cart", "click", "purchase"])
    assert made.by_action() == pytest.approx({"cart": 0.5, "click": 0.3, "purchase": 0.5})
    made().sum().backward()
    assert made.learned.grad.tolist() == [1.0, 1.0]
    fixed = Thresholds(LossSettings(kind="hinge", thresholds={"click": 0.3}), ["click"])
    assert list(fixed.parameters()) == []
    assert fixed.by_action() == pytest.approx({"click": 0.3})


def test_a_threshold_for_an_unknown_action_is_refused():
    with pytest.raises(
        ConfigError, match=r"loss\.thresholds names 'buy', which is no action with interactions in this graph; it has cart, click"
    ):
        Thresholds(LossSettings(kind="hinge", thresholds={"buy": 0.3}), ["cart", "click"])


def test_only_a_hinge_has_thresholds(tiny_graph):
    assert random_towers(tiny_graph, tiny_config()).thresholds == {}
    hinged = random_towers(tiny_graph, tiny_config(loss={"kind": "hinge"}))
    assert set(hinged.thresholds) == {"purchase", "click"}
    assert hinged.temperature == 1


@pytest.mark.parametrize("mask", ["query", "user_query"])
def test_the_hardest_are_the_best_scored_that_are_not_known(tiny_graph, mask):
    negatives = [{"kind": "in_batch"}, {"kind": "uniform", "count": 20}, {"kind": "in_batch_hard", "count": 5, "mask": mask}]
    batches = BatchSampler(tiny_graph, tiny_config(negatives=negatives))
    batch, examples = batches.make(0, 1), batches.examples
    query = torch.randn(len(batch.query), 4, generator=torch.Generator().manual_seed(0))
    product = torch.randn(len(batch.products.product), 4, generator=torch.Generator().manual_seed(1))
    assert batch.hardest is not None
    rows, valid = hardest_of_pool(query, product, torch.from_numpy(batch.pool), batch.hardest)
    assert rows.shape == valid.shape == (len(batch.query), 5)
    events = set(zip(examples.user.tolist(), examples.query.tolist(), examples.product.tolist(), strict=True))
    anyone = {event[1:] for event in events}
    for row in range(len(batch.query)):
        pool = {place: int(batch.products.product[place]) for place in batch.pool.tolist()}
        if row < len(batch.positives.user):
            user, asked = int(batch.positives.user[row]), int(batch.positives.query[row])
            known = anyone if mask == "query" else {event[1:] for event in events if event[0] == user}
            fair = [place for place, number in pool.items() if (asked, number) not in known]
        else:
            # Of a pseudo-query one product is known.
            fair = [place for place in pool if place != batch.positive[row]]
        best = sorted(fair, key=lambda place: -float(query[row] @ product[place]))[:5]
        assert rows[row][valid[row]].tolist() == best


def test_a_pool_that_is_all_known_teaches_nothing():
    part = HardestPart(1.0, 3, np.array([0, 0]), np.array([0, 1]))
    rows, valid = hardest_of_pool(torch.ones(1, 2), torch.ones(4, 2), torch.tensor([1, 3]), part)
    assert rows.shape == (1, 2)
    assert not valid.any()


def test_the_choice_has_no_gradient():
    query = torch.randn(3, 4, requires_grad=True)
    rows, valid = hardest_of_pool(query, torch.randn(5, 4), torch.arange(5), HardestPart(1.0, 2, np.empty(0, int), np.empty(0, int)))
    assert not rows.requires_grad
    assert valid.all()
