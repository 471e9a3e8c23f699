"""The losses against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.model.losses import contrast, log_mass, sampled_softmax
from gnn_search.sampling.negatives.in_batch import InBatchNegatives
from gnn_search.sampling.negatives.uniform import UniformNegatives
from gnn_search.sampling.random_source import RandomSource


def made(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def no_places() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)


@given(st.integers(1, 5), st.integers(1, 6), st.sets(st.tuples(st.integers(0, 4), st.integers(0, 5))), st.floats(0.01, 30))
def test_log_mass_is_logsumexp_over_what_is_not_masked(rows, columns, masked, scale):
    places = sorted((row, column) for row, column in masked if row < rows and column < columns)
    row, column = (torch.tensor([place[axis] for place in places], dtype=torch.int64) for axis in (0, 1))
    query, product, offset = made(rows, 3) * scale, made(columns, 3, seed=1), made(columns, seed=2)
    scores = query @ product.T - offset
    scores[row, column] = float("-inf")
    expected = torch.logsumexp(scores, dim=1)
    found = log_mass(query, product, offset, row, column)
    emptied = torch.isinf(expected)
    torch.testing.assert_close(found[~emptied], expected[~emptied])
    assert (found[emptied] < -1e29).all()


def test_a_row_whose_pool_is_all_masked_costs_nothing_and_moves_nothing():
    query, product = made(2, 3, dtype=torch.float32).requires_grad_(), made(2, 3, seed=1, dtype=torch.float32).requires_grad_()
    mass = log_mass(query, product, torch.zeros(2), torch.tensor([0, 0]), torch.tensor([0, 1]))
    loss = sampled_softmax((query * product).sum(dim=1), mass)
    assert loss[0] == 0
    loss.sum().backward()
    assert query.grad is not None
    assert product.grad is not None
    assert not query.grad[0].any()
    assert query.grad[1].any()
    assert torch.isfinite(product.grad).all()


def test_gradients_of_log_mass():
    inputs = [made(4, 3).requires_grad_(), made(5, 3, seed=1).requires_grad_(), made(5, seed=2).requires_grad_()]
    row, column = torch.tensor([0, 0, 2, 3, 3]), torch.tensor([1, 4, 2, 0, 3])
    assert torch.autograd.gradcheck(lambda query, product, offset: log_mass(query, product, offset, row, column), inputs)


def test_large_scores_do_not_overflow():
    query, product = torch.full((1, 1), 300.0), torch.tensor([[1.0], [1.0], [-1.0]])
    torch.testing.assert_close(log_mass(query, product, torch.zeros(3), *no_places()), torch.tensor([300 + math.log(2)]))


def full_softmax(query: torch.Tensor, product: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(query @ product.T, positive, reduction="none")


def sampled(query: torch.Tensor, product: torch.Tensor, positive: torch.Tensor, pool: torch.Tensor, presence: torch.Tensor) -> torch.Tensor:
    """The loss of examples whose positives may be in the pool, there masked; presence: ln of the chance of each product."""
    row, column = torch.nonzero(positive[:, None] == pool[None], as_tuple=True)
    mass = log_mass(query, product[pool], presence[pool], row, column)
    return sampled_softmax((query * product[positive]).sum(dim=1), mass)


def test_with_the_whole_catalogue_as_pool_it_is_the_full_softmax():
    query, product, positive = made(6, 4), made(9, 4, seed=1), torch.tensor([0, 3, 3, 8, 1, 2])
    found = sampled(query, product, positive, torch.arange(9), torch.zeros(9, dtype=torch.float64))
    torch.testing.assert_close(found, full_softmax(query, product, positive))


def test_a_larger_pool_comes_nearer_to_the_full_softmax():
    query, product, positive = made(200, 8), made(60, 8, seed=1), torch.arange(200) % 60
    exact = full_softmax(query, product, positive)
    misses = []
    for size in (10, 30, 55, 60):
        presence = torch.full((60,), math.log(size / 60), dtype=torch.float64)
        draws = [torch.randperm(60, generator=torch.Generator().manual_seed(seed))[:size] for seed in range(20)]
        misses.append(float(torch.stack([sampled(query, product, positive, pool, presence) - exact for pool in draws]).abs().mean()))
    assert misses == sorted(misses, reverse=True)
    assert misses[0] > 0.2
    assert misses[-1] < 1e-12


@pytest.mark.parametrize("kind", ["in_batch", "uniform"])
def test_the_correction_makes_the_pools_mass_unbiased(kind):
    """Averaged over pools, the corrected mass is that of the whole catalogue, however unevenly products come up."""
    catalogue, batch = 8, 5
    share = np.array([0.4, 0.2, 0.15, 0.1, 0.05, 0.05, 0.03, 0.02])
    examples = np.repeat(np.arange(catalogue), (share * 100).round().astype(int)).astype(np.int32)
    source = RandomSource(0)
    sampler = InBatchNegatives(examples, catalogue) if kind == "in_batch" else UniformNegatives(batch, catalogue, source)
    presence = np.log(-np.expm1(sampler.log_absence(np.arange(catalogue, dtype=np.int32), batch)))
    query, product = made(1, 4), made(catalogue, 4, seed=1)
    random = np.random.default_rng(0)
    drawn = random.choice(examples, (20_000, batch)) if kind == "in_batch" else random.integers(0, catalogue, (20_000, batch))
    inside = np.zeros((len(drawn), catalogue), dtype=bool)
    inside[np.arange(len(drawn))[:, None], drawn] = True
    pools, times = np.unique(inside, axis=0, return_counts=True)

    def mass(offset: np.ndarray) -> float:
        found = [log_mass(query, product[pool], torch.from_numpy(offset[pool]), *no_places()).exp().item() for pool in pools]
        return float(np.average(found, weights=times))

    exact = float((query @ product.T).exp().sum())
    assert mass(presence) == pytest.approx(exact, rel=0.03)
    assert mass(np.zeros(catalogue)) < 0.8 * exact


def test_contrast_is_the_softmax_over_the_valid_ones():
    positive, own = made(3), made(3, 2, seed=1)
    valid = torch.tensor([[True, True], [True, False], [False, False]])
    found = contrast(positive, own, valid)
    expected = [
        math.log(sum(math.exp(value) for value in (positive[0], *own[0]))) - positive[0].item(),
        math.log(math.exp(positive[1]) + math.exp(own[1, 0])) - positive[1].item(),
        0.0,
    ]
    assert found.tolist() == pytest.approx(expected)
    assert found[2] == 0


def test_gradients_of_contrast_pass_by_invalid_ones():
    positive, own = made(2).requires_grad_(), made(2, 2, seed=1).requires_grad_()
    contrast(positive, own, torch.tensor([[True, False], [False, False]])).sum().backward()
    assert own.grad is not None
    assert positive.grad is not None
    assert own.grad[0, 0] > 0
    assert own.grad.flatten()[1:].tolist() == [0, 0, 0]
    assert positive.grad[0] < 0
    assert positive.grad[1] == 0
