"""Ragged sums against plain loops."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.model.aggregation import Ragged

ROWS = 6
LISTS = st.lists(st.lists(st.tuples(st.integers(0, ROWS - 1), st.floats(0.125, 8)), max_size=5), max_size=7)


def flat(lists: list[list[tuple[int, float]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    indptr = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    index = np.array([place for row in lists for place, _ in row], dtype=np.int32)
    return indptr, index, np.array([weight for row in lists for _, weight in row], dtype=np.float32)


def table() -> torch.Tensor:
    return torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))


@given(LISTS)
def test_a_list_without_weights_is_a_mean(lists):
    indptr, index, _ = flat(lists)
    found = Ragged.of(indptr, index).sum(table())
    expected = [torch.stack([table()[place] for place, _ in row]).mean(dim=0) if row else torch.zeros(3) for row in lists]
    torch.testing.assert_close(found, torch.stack(expected) if expected else torch.zeros(0, 3))


@given(LISTS)
def test_weights_are_scaled_to_one(lists):
    indptr, index, weight = flat(lists)
    found = Ragged.of(indptr, index, weight).sum(table())
    for row, vector in zip(lists, found, strict=True):
        total = sum(weight for _, weight in row)
        expected = sum((table()[place] * weight / total for place, weight in row), torch.zeros(3))
        torch.testing.assert_close(vector, expected)


@given(LISTS, st.lists(st.integers(0, 6), max_size=8))
def test_rows_are_picked_in_any_order_and_more_than_once(lists, rows):
    rows = [row for row in rows if row < len(lists)]
    indptr, index, _ = flat(lists)
    picked = Ragged.of_rows(indptr, index, np.array(rows, dtype=np.int32))
    torch.testing.assert_close(picked.sum(table()), Ragged.of(indptr, index).sum(table())[rows])


def test_lists_whose_weights_are_all_zero_give_zeros():
    found = Ragged.of(np.array([0, 2, 3]), np.array([1, 2, 3]), np.array([0.0, 0.0, 2.0])).sum(table())
    torch.testing.assert_close(found, torch.stack([torch.zeros(3), table()[3]]))


def test_gradients_flow_to_the_rows_and_to_the_weights():
    values = table().requires_grad_()
    plain = Ragged.of(np.array([0, 2, 2, 3]), np.array([1, 2, 1]), np.array([1.0, 3.0, 5.0]))
    weight = plain.weight.clone().requires_grad_()
    Ragged(plain.index, plain.offsets, weight).sum(values).sum().backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad[:, 0], torch.tensor([0.0, 1.25, 0.75, 0.0, 0.0, 0.0]))
    torch.testing.assert_close(weight.grad, values.detach()[[1, 2, 1]].sum(dim=1))


def test_the_sum_keeps_the_precision_of_the_table():
    assert Ragged.of(np.array([0, 1]), np.array([1])).sum(table().double()).dtype == torch.float64
    assert Ragged.of(np.array([0, 0]), np.array([], np.int32)).sum(table().double()).dtype == torch.float64
