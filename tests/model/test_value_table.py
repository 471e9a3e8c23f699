"""Sums of values' vectors."""

from __future__ import annotations

import numpy as np
import torch

from gnn_search.model.aggregation import Padded, ValueTable
from gnn_search.model.codes import Codes


def test_known_values_are_summed_and_unknown_ones_add_nothing():
    table = ValueTable(3, 2)
    with torch.no_grad():
        table.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 10.0], [100.0, 100.0]]))
    codes = Codes(np.array([[0, 1], [-1, 2], [-1, -1], [2, 2]]), 3)
    nodes = np.array([3, 0, 1, 2, -1, 0], dtype=np.int32)
    found = table(codes.summed(nodes))
    assert found.tolist() == [[200, 200], [1, 10], [100, 100], [0, 0], [0, 0], [1, 10]]
    found.sum().backward()
    assert table.weight.grad is not None
    assert table.weight.grad.tolist() == [[2, 2], [2, 2], [3, 3]]


def test_known_values_are_averaged():
    table = ValueTable(3, 2)
    with torch.no_grad():
        table.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 10.0], [100.0, 100.0]]))
    codes = Codes(np.array([[0, 1], [-1, 2], [-1, -1]]), 3)
    ragged = codes.averaged(np.array([0, 1, 2, -1], dtype=np.int32))
    padded = Padded.of_known(torch.from_numpy(codes.code), mean=True)
    assert table(ragged).tolist() == [[0.5, 5], [100, 100], [0, 0], [0, 0]]
    assert table(padded).tolist() == [[0.5, 5], [100, 100], [0, 0]]


def test_no_nodes():
    codes, nobody = Codes(np.zeros((4, 2), np.int64), 3), np.empty(0, np.int32)
    assert ValueTable(3, 2)(codes.summed(nobody)).shape == (0, 2)
    assert ValueTable(3, 2)(codes.averaged(nobody)).shape == (0, 2)
