"""Gradients are summed in one order."""

from __future__ import annotations

import torch
from towers import tiny_config

from gnn_search.training.determinism import deterministic
from gnn_search.training.loop import train


def gradient() -> torch.Tensor:
    source = torch.Generator().manual_seed(0)
    table = torch.randn(64, 64, generator=source).requires_grad_()
    index = torch.randint(64, (20_000,), generator=source)
    (table[index] * torch.randn(20_000, 64, generator=source)).sum().backward()
    assert table.grad is not None
    return table.grad


def test_many_threads_give_the_same_bytes_each_time():
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with deterministic():
            first = gradient()
            assert all(torch.equal(gradient(), first) for _ in range(20))
    finally:
        torch.set_num_threads(threads)


def test_the_setting_is_put_back_even_after_an_error():
    before = torch.utils.deterministic.fill_uninitialized_memory
    try:
        with deterministic():
            assert torch.are_deterministic_algorithms_enabled()
            raise KeyError
    except KeyError:
        pass
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory == before


def test_training_runs_so(tiny_graph, tmp_path):
    seen = []
    train(tiny_config(), tiny_graph, tmp_path / "model", listener=lambda report: seen.append(torch.are_deterministic_algorithms_enabled()))
    assert seen
    assert all(seen)
    assert not torch.are_deterministic_algorithms_enabled()
