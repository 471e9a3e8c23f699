"""Neighbours: at most the fan-out, never from the future, by weight and recency."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from shops import DAY

from gnn_search.arrays import bisect_rows
from gnn_search.graph.csr import Csr, EdgeView
from gnn_search.sampling.neighbours import NeighborSampler
from gnn_search.sampling.random_source import RandomSource


def view_of(edges: list[tuple[int, int, int]], moment: int, num_rows: int = 5, weight: list[float] | None = None) -> EdgeView:
    """A view of (row, index, time) edges."""
    edges = sorted(edges, key=lambda edge: edge[2])
    row, index, time = np.array(edges, np.int64).reshape(-1, 3).T
    weights = np.array(weight if weight is not None else [1.0] * len(edges), np.float32)
    csr = Csr.from_edges(row.astype(np.int32), index.astype(np.int32), time, weights, num_rows)
    return EdgeView(csr, csr.indptr[:-1], bisect_rows(time if not len(edges) else csr.time, csr.indptr[:-1], csr.indptr[1:], moment))


EDGES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 12)), max_size=40)


@given(EDGES, st.integers(0, 13), st.integers(0, 4), st.integers(0, 8), st.lists(st.integers(0, 4), max_size=6), st.booleans())
def test_bounded_distinct_and_from_the_past(edges, moment, fan_out, pool, rows, drawn):
    view = view_of(edges, moment)
    random = RandomSource(1) if drawn else None
    found = NeighborSampler(fan_out, pool).sample(view, np.array(rows, np.int64), moment, random, "test")
    assert np.diff(found.indptr).tolist() == [min(fan_out, view.degree()[row]) for row in rows]
    for place, row in enumerate(rows):
        inside = slice(*found.indptr[place : place + 2])
        edge = found.edge[inside]
        assert (np.diff(edge) > 0).all()
        assert ((edge >= view.starts[row]) & (edge < view.ends[row])).all()
        # Only the latest edges are in the pool.
        assert (edge >= view.ends[row] - max(pool, fan_out)).all()
        assert (view.csr.time[edge] < moment).all()
        np.testing.assert_array_equal(found.index[inside], view.csr.index[edge])
        np.testing.assert_array_equal(found.weight[inside], view.csr.weight[edge])
        np.testing.assert_allclose(found.age[inside], (moment - view.csr.time[edge]) / DAY, rtol=1e-6)


@given(EDGES, st.integers(0, 13), st.integers(0, 4))
def test_without_randomness_the_latest(edges, moment, fan_out):
    view = view_of(edges, moment)
    found = NeighborSampler(fan_out, 100).sample(view, np.arange(5), moment)
    for row in range(5):
        expected = view.csr.index[view.starts[row] : view.ends[row]].tolist()
        assert found.index[found.indptr[row] : found.indptr[row + 1]].tolist() == (expected[-fan_out:] if fan_out else [])


def draw_many(view: EdgeView, sampler: NeighborSampler, moment: int, times: int) -> np.ndarray:
    """Draw for row 0 with as many keys as `times`, by epochs."""
    return np.array([sampler.sample(view, np.array([0]), moment, RandomSource(3), "test", epoch).index for epoch in range(times)])


def test_one_edge_is_drawn_in_proportion_to_its_weight():
    weight = [1.0, 2.0, 4.0, 1.0]
    view = view_of([(0, index, 1) for index in range(4)], 5, weight=weight)
    drawn = draw_many(view, NeighborSampler(1, 4), 5, 6000)[:, 0]
    assert chisquare(np.bincount(drawn, minlength=4), np.array(weight) / 8 * 6000).pvalue > 1e-4


def test_two_edges_are_drawn_without_replacement():
    view = view_of([(0, index, 1) for index in range(3)], 5, weight=[1.0, 2.0, 3.0])
    drawn = draw_many(view, NeighborSampler(2, 3), 5, 6000)
    left_out = np.bincount(3 - drawn.sum(axis=1), minlength=3)
    # P(c is left) = P(first a, then b) + P(first b, then a), as from an urn.
    share = np.array([1, 2, 3]) / 6
    expected = [sum(share[a] * share[b] / (1 - share[a]) for a, b in ((i, j), (j, i))) for i, j in ((1, 2), (0, 2), (0, 1))]
    assert chisquare(left_out, np.array(expected) * 6000).pvalue > 1e-4


def test_an_edge_of_half_life_age_counts_half():
    view = view_of([(0, 0, 0), (0, 1, 10 * DAY)], 20 * DAY)
    drawn = draw_many(view, NeighborSampler(1, 2, half_life=10), 20 * DAY, 6000)[:, 0]
    assert chisquare(np.bincount(drawn, minlength=2), np.array([1, 2]) / 3 * 6000).pvalue > 1e-4


def test_what_is_drawn_for_a_row_depends_on_no_other_row():
    view = view_of([(row, index, index) for row in range(5) for index in range(9)], 20)
    sampler, random = NeighborSampler(2, 8), RandomSource(5)
    together = sampler.sample(view, np.array([3, 1, 4, 1]), 20, random, "test", 2)
    alone = sampler.sample(view, np.array([1]), 20, random, "test", 2)
    assert together.index[2:4].tolist() == alone.index.tolist() == together.index[6:8].tolist()


def test_epochs_and_purposes_differ():
    view = view_of([(row, index, index) for row in range(5) for index in range(50)], 60)
    sampler, random = NeighborSampler(5, 50), RandomSource(5)
    keys = [("a", 0), ("a", 1), ("b", 0)]
    assert len({tuple(sampler.sample(view, np.arange(5), 60, random, purpose, epoch).edge) for purpose, epoch in keys}) == 3


def test_an_edge_without_weight_is_only_a_last_resort():
    view = view_of([(0, index, 1) for index in range(3)], 5, weight=[0.0, 1.0, 1.0])
    assert sorted(set(draw_many(view, NeighborSampler(2, 3), 5, 200).ravel())) == [1, 2]
    assert len(NeighborSampler(3, 4).sample(view, np.array([0]), 5, RandomSource(0), "test").index) == 3


def test_what_has_no_time_has_no_age():
    csr = Csr.from_edges(np.array([0, 0], np.int32), np.array([4, 5], np.int32), None, np.ones(2, np.float32), 1)
    found = NeighborSampler(5, 5).sample(EdgeView(csr, csr.indptr[:-1], csr.indptr[1:]), np.array([0]), 99)
    assert found.age.tolist() == [0, 0]


@pytest.mark.parametrize("random", [None, RandomSource(0)])
def test_of_a_built_graph_the_heaviest_partners_come_without_randomness(tiny_graph, random):
    view = tiny_graph.before(tiny_graph.manifest.test_start)
    edges = view.edges(("product", "rev_bought_with", "product"))
    found = NeighborSampler(2, 4).sample(edges, np.arange(40), view.time, random, "test")
    assert len(found.index)
    for row in range(40):
        weights = np.sort(edges.csr.weight[edges.starts[row] : edges.ends[row]])
        drawn = np.sort(found.weight[found.indptr[row] : found.indptr[row + 1]])
        if random is None:
            np.testing.assert_array_equal(drawn, weights[-2:])
        else:
            assert set(drawn) <= set(weights[-8:])
