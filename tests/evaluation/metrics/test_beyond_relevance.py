"""Metrics of the lists alone: diversity, novelty, repeats and coverage, by hand and against plain loops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from gnn_search.evaluation.metrics.beyond_relevance import Diversity, Novelty, RepeatShare


def lists(*rows):
    return np.array(rows, dtype=np.int32)


def test_diversity_by_hand(fruit_shop):
    """Apples (0, 1) lie two steps from the pear (2), by fruit; the carrot (3) lies three from it, above the tops; 5 is in no category."""
    found = Diversity(fruit_shop.taxonomy).measure(lists([0, 1, -1], [0, 2, -1], [0, 1, 2], [0, 3, 5], [5, 0, -1], [-1, -1, -1]))
    assert found.tolist() == pytest.approx([0, 2, 4 / 3, 3, np.nan, np.nan], nan_ok=True)


def test_diversity_is_the_mean_over_all_pairs(tiny_graph):
    taxonomy = tiny_graph.taxonomy
    random = np.random.default_rng(0)
    product = np.stack([random.permutation(40)[:9] for _ in range(30)]).astype(np.int32)
    product[random.random(product.shape) < 0.2] = -1
    found = Diversity(taxonomy).measure(product)
    for row, value in zip(product, found, strict=True):
        category = taxonomy.product_category[row[row >= 0]]
        pairs = np.array(list(combinations(category[category >= 0], 2)), dtype=np.int32)
        assert value == pytest.approx(taxonomy.distance(pairs[:, 0], pairs[:, 1]).mean())


def test_without_categories_nothing_is_diverse(make_graph):
    events = [("ann", "x", f"p{i}", day, "purchase", f"s{day}", "broad") for i, day in enumerate([1, 12, 22])]
    graph = make_graph([(f"p{i}", "thing", None, None) for i in range(3)], events)
    assert np.isnan(Diversity(graph.taxonomy).measure(lists([0, 1, 2], [0, -1, -1]))).all()


def test_novelty_by_hand(fruit_shop):
    """Before the test period p0 was chosen twice, p1 twice, p3 and p4 once each: of 6 + 6 choices, each product having one more."""
    found = Novelty(fruit_shop.before(fruit_shop.manifest.test_start)).measure(lists([0, -1], [5, -1], [0, 5], [-1, -1]))
    known, new = -np.log2(3 / 12), -np.log2(1 / 12)
    assert found.tolist() == pytest.approx([known, new, (known + new) / 2, np.nan], nan_ok=True)


def test_repeats_by_hand(fruit_shop):
    """Ann (0) had chosen p0 and p1, Bob (1) p1 and p3."""
    repeats = RepeatShare(fruit_shop.before(fruit_shop.manifest.test_start))
    found = repeats.measure(lists([0, 1, 2], [3, 0, -1], [0, 1, 2], [-1, -1, -1]), np.array([0, 1, -1, 0], np.int32))
    assert found.tolist() == pytest.approx([2 / 3, 1 / 2, np.nan, np.nan], nan_ok=True)
