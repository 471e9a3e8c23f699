"""Attention over a sequence: it starts as the plain mean, is its formula, and is zero for nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gnn_search.model.recent_attention import RecentAttention
from gnn_search.sampling.history import History

PRODUCTS = torch.nn.functional.normalize(torch.randn(9, 8, generator=torch.Generator().manual_seed(0)), dim=1)
HISTORY = History(
    indptr=np.array([0, 3, 3, 4]),
    product=np.array([2, 5, 7, 1], dtype=np.int32),
    features=np.array([[0, 3, 0.25], [0.7, 2, 0.5], [0, 1, 0.25], [0, 5, 1]], dtype=np.float32),
    count=np.array([1, 2, 1, 1], dtype=np.int32),
    last=np.array([1, 2, 3, 1]),
)
IMPORTANCE = torch.tensor([0.25, 0.5, 1.0, 1.0])


@pytest.fixture
def attention() -> RecentAttention:
    torch.manual_seed(0)
    return RecentAttention(8)


def disturb(attention: RecentAttention) -> RecentAttention:
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter += 0.5 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return attention


def test_it_starts_as_the_mean_by_recency(attention):
    mean = (0.25 * PRODUCTS[2] + 0.5 * PRODUCTS[5] + 1.0 * PRODUCTS[7]) / 1.75
    expected = torch.stack([attention.linear(mean), torch.zeros(8), attention.linear(PRODUCTS[1])])
    torch.testing.assert_close(attention(PRODUCTS, HISTORY, IMPORTANCE), expected)


def test_it_is_its_formula(attention):
    disturb(attention)
    found = attention(PRODUCTS, HISTORY, IMPORTANCE)
    logits = []
    for item in range(3):
        facts = torch.cat([torch.from_numpy(HISTORY.features[item]), torch.log(torch.tensor([3.0]))])
        hidden = torch.tanh(attention.content(PRODUCTS[HISTORY.product[item]]) + attention.evidence(facts))
        logits.append(attention.weight(hidden)[0] + torch.log(IMPORTANCE[item]))
    share = torch.softmax(torch.stack(logits), dim=0)
    torch.testing.assert_close(found[0], attention.linear(share @ PRODUCTS[HISTORY.product[:3]]))
    torch.testing.assert_close(found[2], attention.linear(PRODUCTS[1]))


def test_an_empty_sequence_gives_zero_to_the_bit(attention):
    assert not disturb(attention)(PRODUCTS, HISTORY, IMPORTANCE)[1].any()
    numbers, moments = np.empty(0, np.int32), np.empty(0, np.int64)
    nothing = History(np.zeros(4, np.int64), numbers, np.empty((0, 3), np.float32), numbers, moments)
    found = attention(PRODUCTS, nothing, torch.empty(0))
    assert found.shape == (3, 8)
    assert not found.any()


def test_every_weight_learns(attention):
    disturb(attention)(PRODUCTS, HISTORY, IMPORTANCE).square().sum().backward()
    for name, parameter in attention.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name
