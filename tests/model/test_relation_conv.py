"""One relation's messages: both ways of giving the edges agree, alone and inside PyG."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.model.aggregation import Ragged, RelationConv

SOURCES, TARGETS = 5, 4
EDGES = st.lists(st.tuples(st.integers(0, SOURCES - 1), st.integers(0, TARGETS - 1), st.floats(0.125, 8)), max_size=12)


def conv() -> RelationConv:
    torch.manual_seed(0)
    return RelationConv(3)


def vectors(rows: int = SOURCES) -> torch.Tensor:
    return torch.randn(rows, 3, generator=torch.Generator().manual_seed(1))


def both(edges: list[tuple[int, int, float]]) -> tuple[Ragged, torch.Tensor, torch.Tensor]:
    ordered = sorted(edges, key=lambda edge: edge[1])
    source, target = (np.array([edge[place] for edge in ordered], dtype=np.int64) for place in (0, 1))
    weight = np.array([edge[2] for edge in ordered], dtype=np.float32)
    indptr = np.searchsorted(target, np.arange(TARGETS + 1))
    return Ragged.of(indptr, source, weight), torch.from_numpy(np.stack([source, target])), torch.from_numpy(weight)


@given(EDGES)
def test_lists_and_edge_index_give_the_same_values_and_gradients(edges):
    layer = conv()
    ragged, index, weight = both(edges)
    grown = []
    for given_edges, more in ((ragged, ()), (index, (weight,))):
        x = vectors().requires_grad_()
        layer.zero_grad()
        source = x if isinstance(given_edges, Ragged) else (x, torch.zeros(TARGETS, 3))
        out = layer(source, given_edges, *more)
        (out * torch.arange(12.0).view(4, 3)).sum().backward()
        grown.append((out.detach(), x.grad if x.grad is not None else torch.zeros_like(x), layer.linear.weight.grad))
    for one, other in zip(*grown, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_message_is_the_weighted_mean_times_the_map():
    layer = conv()
    ragged, _, _ = both([(0, 1, 1.0), (2, 1, 3.0), (4, 3, 2.0)])
    x = vectors()
    out = layer(x, ragged)
    torch.testing.assert_close(out[1], (0.25 * x[0] + 0.75 * x[2]) @ layer.linear.weight.T)
    torch.testing.assert_close(out[3], x[4] @ layer.linear.weight.T)


def test_targets_without_neighbours_get_zeros():
    ragged, index, weight = both([(0, 1, 1.0), (4, 3, 2.0)])
    assert not conv()(vectors(), ragged)[[0, 2]].any()
    assert not conv()((vectors(), torch.zeros(TARGETS, 3)), index, weight)[[0, 2]].any()
    assert not conv()(vectors(), both([])[0]).any()


def test_without_weights_all_edges_count_the_same():
    x = vectors()
    out = conv()(x, torch.tensor([[0, 1, 2], [3, 3, 0]]))
    torch.testing.assert_close(out[3], (x[0] + x[1]) / 2 @ conv().linear.weight.T)
    assert out.shape == (SOURCES, 3)


def test_new_weights_can_be_drawn():
    layer = conv()
    before = layer.linear.weight.clone()
    layer.reset_parameters()
    assert not torch.equal(layer.linear.weight, before)


@pytest.mark.parametrize("weighted", [True, False])
def test_it_stands_in_heteroconv(weighted):
    from torch_geometric.nn import HeteroConv

    layer, back = conv(), RelationConv(3)
    forth_type, back_type = ("query", "leads_to", "product"), ("product", "rev_leads_to", "query")
    hetero = HeteroConv({forth_type: layer, back_type: back}, aggr="sum")
    x = {"query": vectors(), "product": vectors(TARGETS)}
    _, index, weight = both([(0, 1, 1.0), (2, 1, 3.0), (4, 3, 2.0)])
    weights = {"edge_weight_dict": {forth_type: weight}} if weighted else {}
    out = hetero(x, {forth_type: index, back_type: index.flip(0)}, **weights)
    torch.testing.assert_close(out["product"], layer((x["query"], x["product"]), index, weight if weighted else None))
    torch.testing.assert_close(out["query"], back((x["product"], x["query"]), index.flip(0)))
    assert not out["product"][0].any()
