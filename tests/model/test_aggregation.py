"""Weighted sums over lists: ragged against loops and padded, by age, by relation and of values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.model.aggregation import Padded, PaddedVectors, Ragged, RelationConv, RowSums, ValueTable, importance, pad, recency
from gnn_search.model.codes import Codes
from gnn_search.sampling.neighbours import Neighbours

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


def test_the_same_lists_ragged_padded_and_as_vectors():
    table = torch.arange(8.0).view(4, 2)
    indptr, index, weight = np.array([0, 3, 3, 4]), np.array([2, 0, 3, 1]), np.array([1.0, 2.0, 1.0, 5.0])
    expected = [[2.5, 3.5], [0, 0], [2, 3]]
    assert Ragged.of(indptr, index, weight).sum(table).tolist() == expected
    scaled = torch.from_numpy(pad(indptr, np.array([0.25, 0.5, 0.25, 1], dtype=np.float32)))
    rows = torch.from_numpy(pad(indptr, index))
    assert rows.tolist() == [[2, 0, 3], [0, 0, 0], [1, 0, 0]]
    assert Padded(rows, scaled).sum(table).tolist() == expected
    assert PaddedVectors(table[rows], scaled).sum(table).tolist() == expected


def test_rectangles_without_rows_or_slots():
    table = torch.ones(4, 2)
    for shape in ((0, 0), (0, 3), (2, 0)):
        codes = torch.zeros(shape, dtype=torch.int64)
        assert Padded.of_known(codes, mean=True).sum(table).tolist() == [[0, 0]] * shape[0]
    assert pad(np.zeros(3, np.int64), np.empty((0, 5))).shape == (2, 0, 5)


INDPTR = np.array([0, 3, 3, 5])
AGE = np.array([20, 10, 0, 7, 2], dtype=np.float32)


def test_an_age_of_one_half_life_counts_half():
    assert recency(INDPTR, AGE, 10).tolist() == pytest.approx([0.25, 0.5, 1, 0.5**0.5, 1])
    assert recency(INDPTR, AGE, 5).tolist() == pytest.approx([0.0625, 0.25, 1, 0.5, 1])


def test_the_youngest_of_a_row_counts_whole_however_long_ago_it_was():
    np.testing.assert_allclose(recency(INDPTR, AGE + 10_000, 10), recency(INDPTR, AGE, 10), rtol=1e-3)


def test_nothing_has_no_weights():
    assert recency(np.zeros(4, np.int64), np.empty(0, np.float32), 10).tolist() == []


@pytest.mark.parametrize(("half_life", "expected"), [(None, [1, 2, 3, 4, 5]), (10, [0.25, 1, 3, 4 * 0.5**0.5, 5])])
def test_importance_is_weight_times_recency(half_life, expected):
    drawn = Neighbours(INDPTR, np.zeros(5, np.int32), np.arange(1, 6, dtype=np.float32), AGE, np.zeros(5, np.int64))
    assert importance(drawn, half_life).tolist() == pytest.approx(expected)


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


def bag(lists: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    bounds = np.cumsum([0, *map(len, lists)])
    return torch.tensor([row for rows in lists for row in rows], dtype=torch.int64), torch.from_numpy(bounds[:-1])


BAGS = [[[1, 2, 2, 5], [], [2]], [[0, 0], [5]], [[], []], [[4]]]


def plain_loss(weight: torch.Tensor, bags: list[list[list[int]]]) -> torch.Tensor:
    sums = [torch.nn.functional.embedding_bag(*bag(lists)[:1], weight, bag(lists)[1], mode="sum") for lists in bags if any(lists)]
    return torch.stack([(found * found).sum() + found[:, 0].sum() for found in sums]).sum()


def row_loss(sums: RowSums, bags: list[list[list[int]]]) -> torch.Tensor:
    found = [sums(*bag(lists)) for lists in bags]
    return torch.stack([(part * part).sum() + part[:, 0].sum() for part in found]).sum()


def gradient_of(bags: list[list[list[int]]]) -> torch.Tensor:
    weight = table().requires_grad_()
    plain_loss(weight, bags).backward()
    assert weight.grad is not None
    return weight.grad


def test_row_sums_and_their_gradient_are_those_of_embedding_bag():
    weight = torch.nn.Parameter(table())
    sums = RowSums(weight)
    for lists in BAGS:
        expected = [weight[rows].sum(dim=0) if rows else torch.zeros(3) for rows in lists]
        torch.testing.assert_close(sums(*bag(lists)), torch.stack(expected))
    row_loss(sums, BAGS).backward()
    torch.testing.assert_close(weight.grad, gradient_of(BAGS))
    assert not weight.grad[3].any()


def test_steps_with_row_sums_follow_each_other():
    weight = torch.nn.Parameter(table())
    sums = RowSums(weight)
    for bags in (BAGS, BAGS[:2], BAGS[1:]):
        weight.grad = None
        row_loss(sums, bags).backward()
        torch.testing.assert_close(weight.grad, gradient_of(bags))


def test_gradients_of_row_sums_add_up_over_passes_back():
    weight = torch.nn.Parameter(table())
    sums = RowSums(weight)
    row_loss(sums, BAGS).backward()
    row_loss(sums, BAGS[:1]).backward()
    torch.testing.assert_close(weight.grad, gradient_of(BAGS) + gradient_of(BAGS[:1]))
    weight.grad = None
    first, second = row_loss(sums, BAGS[:1]), row_loss(sums, BAGS[1:])
    first.backward()
    second.backward()
    torch.testing.assert_close(weight.grad, gradient_of(BAGS))


def test_a_sum_that_no_loss_needs_teaches_nothing():
    weight = torch.nn.Parameter(table())
    sums = RowSums(weight)
    sums(*bag(BAGS[0]))
    row_loss(sums, BAGS[1:]).backward()
    torch.testing.assert_close(weight.grad, gradient_of(BAGS[1:]))


def test_row_sums_beside_another_use_of_the_table():
    weight = torch.nn.Parameter(table())
    (row_loss(RowSums(weight), BAGS) + 2 * weight.sum()).backward()
    torch.testing.assert_close(weight.grad, gradient_of(BAGS) + 2)


def test_row_sums_without_a_gradient():
    weight = torch.nn.Parameter(table())
    sums = RowSums(weight)
    with torch.no_grad():
        found = sums(*bag(BAGS[0]))
    assert not found.requires_grad
    torch.testing.assert_close(found, sums(*bag(BAGS[0])).detach())
    frozen = torch.nn.Parameter(table(), requires_grad=False)
    assert not RowSums(frozen)(*bag(BAGS[0])).requires_grad
    assert sums(*bag([[], []])).tolist() == torch.zeros(2, 3).tolist()
