"""What the history adds to a query: nothing where there is none, and the same in whatever order and shape it comes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from gnn_search.model.user_tower import HistoryAttention, Slots
from gnn_search.sampling.history import NUM_FEATURES, History

CATALOGUE, DIMENSION = 7, 4
ROWS = [[1, 2, 5], [], [6], [3, 0, 4, 2]]


def history(rows: list[list[int]]) -> History:
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    product = np.array([product for row in rows for product in row], dtype=np.int32)
    # A product's features are its own, so that they move with it.
    features = np.stack([np.sin(product * (place + 1.0)) for place in range(NUM_FEATURES)], axis=1).astype(np.float32)
    return History(
        indptr, product, features, np.ones(len(product), np.int32), np.zeros(len(product), np.int64), np.zeros(len(product), np.float32)
    )


@pytest.fixture
def attention() -> HistoryAttention:
    torch.manual_seed(0)
    attention = HistoryAttention(DIMENSION)
    with torch.no_grad():
        attention.nothing.weight.normal_()
        attention.nothing.bias.fill_(0.3)
    return attention


@pytest.fixture
def products() -> torch.Tensor:
    return functional.normalize(torch.randn(CATALOGUE, DIMENSION, generator=torch.Generator().manual_seed(1)), dim=1)


@pytest.fixture
def query() -> torch.Tensor:
    return functional.normalize(torch.randn(len(ROWS), DIMENSION, generator=torch.Generator().manual_seed(2)), dim=1)


def test_an_empty_history_adds_exactly_nothing(attention, products, query):
    added = attention(query, Slots.of(history(ROWS), products))
    assert added[1].tolist() == [0.0] * DIMENSION
    assert added[[0, 2, 3]].abs().sum(dim=1).min() > 0
    assert attention(query, Slots.of(history([[], [], [], []]), products)).tolist() == torch.zeros(4, DIMENSION).tolist()
    assert attention(query[:0], Slots.of(history([]), products)).shape == (0, DIMENSION)


def test_the_formula(attention, products, query):
    """Row 0 by hand: softmax over the zero slot and three products, then the map of what is recalled, grown by its length."""
    features = torch.cat([torch.from_numpy(history(ROWS).features[:3]), torch.full((3, 1), float(np.log(3)))], dim=1)
    match = products[ROWS[0]] @ attention.question(query[0]) * DIMENSION**0.5 / 8
    logit = torch.cat([attention.nothing(query[0]), match + attention.evidence(features)[:, 0]])
    weight = torch.softmax(logit, dim=0)
    expected = attention.value(weight[1:] @ products[ROWS[0]]) * attention.scale * 3**attention.growth
    torch.testing.assert_close(attention(query, Slots.of(history(ROWS), products))[0], expected)


def test_the_order_of_the_slots_does_not_matter(attention, products, query):
    turned = [row[::-1] for row in ROWS]
    torch.testing.assert_close(
        attention(query, Slots.of(history(turned), products)), attention(query, Slots.of(history(ROWS), products)), rtol=0, atol=1e-6
    )


def test_the_length_of_the_other_histories_does_not_matter(attention, products, query):
    together = attention(query, Slots.of(history(ROWS), products))
    alone = torch.cat([attention(query[[row]], Slots.of(history([ROWS[row]]), products)) for row in range(len(ROWS))])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-6)


def test_what_lies_in_padding_does_not_matter(attention, products, query):
    slots = Slots.of(history(ROWS), products)
    before = attention(query, slots)
    slots.vectors[slots.empty] = 6
    slots.features[slots.empty] = 1e3
    assert torch.equal(attention(query, slots), before)


def test_slots_hold_the_history_row_by_row(products):
    slots = Slots.of(history(ROWS), products)
    assert torch.equal(slots.vectors, products[torch.tensor([[1, 2, 5, 0], [0, 0, 0, 0], [6, 0, 0, 0], [3, 0, 4, 2]])])
    assert (~slots.empty).sum(dim=1).tolist() == [3, 0, 1, 4]
    assert slots.features[3, :, NUM_FEATURES].tolist() == pytest.approx([np.log(4)] * 4)


def test_gradients(attention, products, query):
    double = attention.double()
    slots = Slots.of(history(ROWS), products)
    slots = replace(slots, features=slots.features.double(), vectors=slots.vectors.double())
    asked = query.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda value: double(value, slots), (asked,))
    double(asked, slots).sum().backward()
    for name, parameter in double.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        # What is added to all logits of the history alike matters through the zero slot alone, but it does matter.
        assert parameter.grad.abs().sum() > 0, name
