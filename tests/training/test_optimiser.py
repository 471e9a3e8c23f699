"""The schedule, which weights go where, and the state's way out and in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from towers import tiny_config

from gnn_search.config.training import OptimiserSettings
from gnn_search.model.aggregation import ValueTable
from gnn_search.training.optimiser import HasTables, Optimisers


class Small(nn.Module):
    """A dense weight, a table, and a table with sparse gradients."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.dense = nn.Linear(3, 3)
        self.tokens = ValueTable(5, 3)
        self.free = nn.Embedding(6, 3, sparse=True)

    def forward(self, rows: Tensor) -> Tensor:
        return self.dense(self.free(rows) + self.tokens.weight[rows % 5]).square().sum()


def trained(steps: int, model: Small | None = None, optimisers: Optimisers | None = None, first: int = 0) -> tuple[Small, Optimisers]:
    model = model or Small()
    optimisers = optimisers or Optimisers(model, SETTINGS, 20)
    for step in range(first, first + steps):
        model(torch.tensor([step % 6, 1])).backward()
        optimisers.step(step)
    return model, optimisers


SETTINGS = OptimiserSettings(learning_rate=0.1, table_learning_rate=0.2, weight_decay=0.0, warmup=0.2)


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (12, 0.525), (16, 0.05 + 0.95 * 0.14644661), (20, 0.05), (30, 0.05)]
)
def test_the_schedule_rises_in_a_line_and_falls_along_a_cosine(step, factor):
    assert Optimisers(Small(), SETTINGS, 20).factor(step) == pytest.approx(factor)


@pytest.mark.parametrize("total", [1, 2, 3])
def test_very_short_runs_have_a_schedule(total):
    optimisers = Optimisers(Small(), OptimiserSettings(warmup=0.0), total)
    factors = [optimisers.factor(step) for step in range(total)]
    assert factors[0] == 1.0
    assert all(0.05 <= factor <= 1 for factor in factors)


def test_a_first_step_is_as_long_as_its_rate():
    """Adam's first step moves each weight by the rate, whatever the gradient."""
    before = Small()
    after, _ = trained(1)
    torch.testing.assert_close((after.dense.weight - before.dense.weight).abs(), torch.full((3, 3), 0.1 * 0.25))
    torch.testing.assert_close((after.tokens.weight - before.tokens.weight).abs()[:2], torch.full((2, 3), 0.2 * 0.25))
    moved = (after.free.weight - before.free.weight).abs()
    torch.testing.assert_close(moved[:2], torch.full((2, 3), 0.2 * 0.25))
    assert not moved[2:].any()


def test_only_dense_weights_decay():
    model = Small()
    optimisers = Optimisers(model, SETTINGS.model_copy(update={"weight_decay": 0.5}), 20)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    (model(torch.tensor([1])) * 0).backward()
    optimisers.step(3)
    torch.testing.assert_close(model.dense.weight, before["dense.weight"] * (1 - 0.1 * 0.5))
    torch.testing.assert_close(model.tokens.weight, before["tokens.weight"])
    torch.testing.assert_close(model.free.weight, before["free.weight"])


def test_values_are_a_table():
    """They learn at the tables' rate and do not decay."""
    model = nn.Module()
    model.brand, model.dense = ValueTable(4, 3), nn.Linear(3, 3)
    optimisers = Optimisers(model, SETTINGS.model_copy(update={"weight_decay": 0.5}), 20)
    before = model.brand.weight.detach().clone()
    model.brand.weight.grad, model.dense.weight.grad = torch.ones(4, 3), torch.zeros(3, 3)
    optimisers.step(3)
    torch.testing.assert_close(model.brand.weight, before - 0.2)


def test_gradients_are_cleared():
    model, _ = trained(1)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_state_goes_out_and_in():
    whole, _ = trained(8)
    model, optimisers = trained(5)
    tensors = {name: tensor.clone() for name, tensor in optimisers.tensors().items()}
    assert all(isinstance(tensor, Tensor) for tensor in tensors.values())
    copy = Small()
    copy.load_state_dict(model.state_dict())
    fresh = Optimisers(copy, SETTINGS, 20)
    fresh.load(tensors)
    trained(3, copy, fresh, first=5)
    for name, parameter in whole.named_parameters():
        assert torch.equal(copy.get_parameter(name), parameter), name
    forgetful = Small()
    forgetful.load_state_dict(model.state_dict())
    trained(3, forgetful, Optimisers(forgetful, SETTINGS, 20), first=5)
    assert not torch.equal(forgetful.dense.weight, whole.dense.weight)


def test_a_model_without_free_vectors(tiny_graph):
    from towers import random_towers

    config = tiny_config(product={"id_embedding": False}, query={"id_embedding": False})
    towers = random_towers(tiny_graph, config)
    optimisers = Optimisers(towers, config.optimiser, 10)
    before = towers.text.tokens.detach().clone()
    for parameter in towers.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimisers.step(0)
    assert not torch.equal(towers.text.tokens, before)
    kept = {name: value.clone() for name, value in optimisers.tensors().items()}
    assert {name.partition(".")[0] for name in kept} == {"0"}
    optimisers.load(kept)
    assert all(torch.equal(value, kept[name]) for name, value in optimisers.tensors().items())


def test_the_towers_say_which_weights_are_tables(tiny_graph):
    from towers import random_towers

    model = random_towers(tiny_graph, tiny_config(product={"brand": True}))
    tables = {id(table) for module in model.modules() if isinstance(module, HasTables) for table in module.table_parameters()}
    assert {name for name, parameter in model.named_parameters() if id(parameter) in tables} == {
        "text.tokens",
        "text.importance",
        "text.terms",
        "product.category",
        "product.numeric.weight",
        "product.attributes.weight",
        "product.brand.weight",
        "user.attributes.weight",
    }
