"""The map of products: the plane of most variance, the groups, the neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.report.product_map import OTHERS, map_products


@pytest.fixture
def vectors(fruit_shop) -> np.ndarray:
    """Six unit vectors in four dimensions that differ along the first most, then along the second."""
    place = np.array([[-3, 0], [-2, 1], [-1, -1], [1, 1], [2, -1], [3, 0]], dtype=np.float32)
    long = np.concatenate([place, np.full((6, 1), 0.5), np.zeros((6, 1))], axis=1)
    return (long / np.linalg.norm(long, axis=1, keepdims=True)).astype(np.float32)


def view(graph):
    return graph.before(graph.manifest.time_last + 1)


def test_the_plane_is_that_of_a_singular_value_decomposition(fruit_shop, vectors):
    found = map_products(view(fruit_shop), vectors)
    centred = vectors - vectors.mean(axis=0)
    left, value, _ = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(found.variance, value[:2] ** 2 / (value**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(np.abs([[point.x, point.y] for point in found.points]), np.abs(left[:, :2] * value[:2]), atol=1e-6)
    assert found == map_products(view(fruit_shop), vectors)


def test_groups_are_top_categories(fruit_shop, vectors):
    found = map_products(view(fruit_shop), vectors)
    assert found.groups == ("fruit", "vegetable", OTHERS)
    assert [point.group for point in found.points] == ["fruit", "fruit", "fruit", "vegetable", "vegetable", OTHERS]
    assert [point.product_id for point in found.points] == ["p0", "p1", "p2", "p3", "p4", "p5"]


def test_under_one_root_groups_are_one_level_below(make_graph):
    products = [("a", "a", None, ["all", "left", "x"]), ("b", "b", None, ["all", "right"]), ("c", "c", None, ["all", "left"])]
    events = [("ann", "q", "a", day, "purchase", "s", "f") for day in (1, 12, 22)]
    found = map_products(view(make_graph(products, events)), np.eye(3, dtype=np.float32))
    assert found.groups == ("left", "right")
    assert [point.group for point in found.points] == ["left", "right", "left"]


def test_the_most_chosen_are_shown(fruit_shop, vectors):
    """The graph holds p1 and p3 three times each, p0 five times."""
    found = map_products(view(fruit_shop), vectors, most=1)
    assert [point.product_id for point in found.points] == ["p0"]
    assert found.products == 6


def test_neighbours(fruit_shop, vectors):
    found = map_products(view(fruit_shop), vectors, neighbours=2)
    for one in found.surroundings:
        place = int(str(one.product_id)[1:])
        cosine = vectors @ vectors[place]
        order = [other for other in np.argsort(-cosine, kind="stable") if other != place][:2]
        assert [near.product_id for near in one.neighbours] == [f"p{other}" for other in order]
        np.testing.assert_allclose([near.cosine for near in one.neighbours], cosine[order], rtol=1e-5)
    assert found.surroundings[0].product_id == "p0"
    assert len(map_products(view(fruit_shop), vectors, examples=1).surroundings) == 1


def test_a_shop_without_categories(make_graph):
    products = [("a", "a", None, None), ("b", "b", None, None)]
    events = [("ann", "q", "a", day, "purchase", "s", "f") for day in (1, 12, 22)]
    found = map_products(view(make_graph(products, events)), np.eye(2, dtype=np.float32))
    assert found.groups == (OTHERS,)
    assert len(found.surroundings) == 1
