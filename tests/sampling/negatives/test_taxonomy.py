"""The fast walk on the taxonomy against the plain one on a networkx graph, in distribution."""

from __future__ import annotations

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from gnn_search.graph.taxonomy import Taxonomy, layout_taxonomy
from gnn_search.sampling.negatives.base import UNIFORM, Positives
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.negatives.taxonomy import TaxonomyNegatives
from gnn_search.sampling.random_source import RandomSource

ROOT = "root above all"

# Category -> parent, and the category of each product.
TREES: dict[str, tuple[dict[str, str | None], list[str | None]]] = {
    "even": (
        {"a": None, "b": None, "aa": "a", "ab": "a", "ba": "b", "bb": "b"},
        ["aa", "aa", "ab", "ab", "ab", "ba", "bb", "bb"],
    ),
    "ragged": (
        {"a": None, "b": None, "aa": "a", "aaa": "aa", "aab": "aa", "ab": "a", "c": None, "ca": "c", "caa": "ca", "caaa": "caa"},
        ["aaa", "aaa", "aab", "ab", "b", "b", "caaa", "caaa", "ab", "aab"],
    ),
    "products on inner nodes and in none": (
        {"a": None, "aa": "a", "ab": "a", "b": None},
        ["a", "a", "aa", None, "ab", "b", None, "a", "aa"],
    ),
    "a single branch at several levels": (
        {"a": None, "aa": "a", "aaa": "aa", "aaaa": "aaa", "b": None, "ba": "b"},
        ["aaaa", "ba", "aaaa", "ba", "ba"],
    ),
    "an empty sibling": ({"a": None, "aa": "a", "ab": "a", "b": None}, ["aa", "b", "b", "b"]),
    "one category": ({"a": None}, ["a", "a", "a"]),
    "one product": ({"a": None, "aa": "a"}, ["aa"]),
    "one product in a category": ({"a": None, "b": None}, ["a", None, None]),
    "no categories": ({}, [None, None, None]),
}


def plain_walk(name: str, weight: np.ndarray, positive: int, level: int) -> tuple[np.ndarray, int]:
    """Walk on the networkx graph: the probability of each product, and the levels climbed or UNIFORM."""
    parents, category = TREES[name]
    tree = nx.DiGraph()
    tree.add_node(ROOT)
    tree.add_edges_from((ROOT if parent is None else parent, child) for child, parent in parents.items())
    for product, where in enumerate(category):
        tree.add_node(product)
        if where is not None:
            tree.add_edge(where, product)
    here: str | int = positive
    climbed = -1
    while tree.in_degree(here):
        left = here
        here = next(iter(tree.predecessors(here)))
        climbed += 1
        if climbed < level:
            continue
        below = nx.descendants(tree, here) - nx.descendants(tree, left) - {left}
        found = [product for product in below if isinstance(product, int)]
        if found:
            chance = np.zeros(len(category))
            chance[found] = weight[found]
            return chance / chance.sum(), climbed
    return np.full(len(category), 1 / len(category)), UNIFORM


def lay_out(name: str) -> Taxonomy:
    parents, category = TREES[name]
    table = {"category_id": list(parents), "parent_id": list(parents.values()), "name": list(parents)}
    schema = {"category_id": pl.String, "parent_id": pl.String, "name": pl.String}
    return layout_taxonomy(pl.DataFrame(table, schema=schema), pl.Series("category_id", category, dtype=pl.String))[1]


def sampler_for(name: str, alpha: float, levels: tuple[float, ...] = (1.0,), count: int = 1, events: tuple[tuple[int, int, int], ...] = ()):
    taxonomy = lay_out(name)
    num_products = len(taxonomy.product_category)
    popularity = np.arange(num_products, dtype=np.int64) * 3 % 7
    user, query, product = np.array(events, np.int32).reshape(-1, 3).T
    known = KnownPositives("user_query", user, query, product, 5, num_products)
    return TaxonomyNegatives(taxonomy, levels, count, popularity, alpha, known, RandomSource(4)), (popularity + 1.0) ** alpha


@pytest.mark.parametrize("alpha", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("name", TREES)
def test_the_fast_walk_is_the_plain_walk_in_distribution(name, alpha):
    sampler, weight = sampler_for(name, alpha)
    draws = 4000
    for positive in range(len(TREES[name][1])):
        for level in range(6):
            uniform = RandomSource(11).uniform("test", level, np.array([positive]), draws)
            product, climbed = sampler.draw_at(np.array([positive], np.int32), np.full((1, draws), level, np.int32), uniform)
            chance, expected_level = plain_walk(name, weight, positive, level)
            assert set(climbed[0].tolist()) == {expected_level}
            found = np.bincount(product[0], minlength=len(chance))
            assert not found[chance == 0].any()
            possible = chance > 0
            if possible.sum() > 1:
                assert chisquare(found[possible], chance[possible] * draws).pvalue > 1e-6, (positive, level)


@pytest.mark.parametrize("name", TREES)
def test_a_fine_grid_of_numbers_gives_each_product_its_share(name):
    sampler, weight = sampler_for(name, 1.0)
    grid = (np.arange(20_000) + 0.5)[None] / 20_000
    for positive in range(len(TREES[name][1])):
        for level in range(4):
            product, _ = sampler.draw_at(np.array([positive], np.int32), np.full(grid.shape, level, np.int32), grid)
            chance, _ = plain_walk(name, weight, positive, level)
            np.testing.assert_allclose(np.bincount(product[0], minlength=len(chance)) / 20_000, chance, atol=2e-4)


WORD = st.integers(0, 2**32 - 1) | st.sampled_from([0, 2**32 - 1])


@given(st.sampled_from(sorted(set(TREES) - {"no categories"})), WORD, st.floats(0, 2))
def test_rounding_never_leads_back(name, word, alpha):
    sampler, weight = sampler_for(name, alpha)
    positive = np.arange(len(TREES[name][1]), dtype=np.int32)
    for level in range(4):
        shape = (len(positive), 1)
        product, climbed = sampler.draw_at(positive, np.full(shape, level, np.int32), np.full(shape, word * 2.0**-32))
        for place in np.flatnonzero(climbed[:, 0] != UNIFORM):
            assert plain_walk(name, weight, place, level)[0][product[place, 0]] > 0


def batch_of(name: str, size: int) -> Positives:
    product = (np.arange(size) % len(TREES[name][1])).astype(np.int32)
    return Positives(np.arange(size, dtype=np.int64), np.zeros(size, np.int32), np.zeros(size, np.int32), product)


def test_levels_are_drawn_by_their_weights():
    sampler, _ = sampler_for("even", 0.0, levels=(1.0, 2.0, 5.0), count=4)
    batch = batch_of("even", 3000)
    # Of a leaf with two products and more, no level needs to climb further.
    batch = Positives(batch.example, batch.user, batch.query, np.full(3000, 2, np.int32))
    level = sampler.draw(batch, 0).reason
    assert chisquare(np.bincount(level.ravel(), minlength=3), np.array([1, 2, 5]) / 8 * level.size).pvalue > 1e-4


def test_draws_depend_on_the_example_and_epoch_alone():
    sampler, _ = sampler_for("ragged", 0.5, levels=(1.0, 1.0), count=3)
    batch = batch_of("ragged", 20)
    whole = sampler.draw(batch, 1)
    part = sampler.draw(Positives(batch.example[5:9], batch.user[5:9], batch.query[5:9], batch.product[5:9]), 1)
    np.testing.assert_array_equal(part.product, whole.product[5:9])
    assert (sampler.draw(batch, 2).product != whole.product).any()


def test_known_positives_and_the_positive_itself_are_not_valid():
    # Shopper 0 has also chosen product 1 for query 0.
    sampler, _ = sampler_for("one category", 0.0, count=50, events=((0, 0, 0), (0, 0, 1)))
    drawn = sampler.draw(batch_of("one category", 1), 0)
    assert set(drawn.product[0].tolist()) == {1, 2}
    np.testing.assert_array_equal(drawn.valid, drawn.product == 2)
    alone, _ = sampler_for("one product", 0.0, count=5)
    assert not alone.draw(batch_of("one product", 1), 0).valid.any()


def test_fallbacks_are_counted():
    sampler, _ = sampler_for("a single branch at several levels", 0.0, levels=(0.0, 1.0), count=2)
    batch = Positives(np.arange(3), np.zeros(3, np.int32), np.zeros(3, np.int32), np.array([0, 0, 1], np.int32))
    sampler.draw(batch, 0)
    told = sampler.describe()
    assert told["draws"] == told["fallbacks"]["climbed_further"] == 6
    assert told["fallbacks"]["uniform"] == 0
    assert told["share_fallbacks"] == 1
    assert told["cpu_seconds_per_million"] > 0
    lonely, _ = sampler_for("one product", 0.0, count=2)
    lonely.draw(batch_of("one product", 1), 0)
    assert lonely.describe()["fallbacks"]["uniform"] == lonely.describe()["masked"] == lonely.describe()["draws"] == 2


def test_a_curriculum_goes_from_the_start_levels_to_the_end_levels():
    taxonomy = lay_out("even")
    known = KnownPositives("user_query", *np.empty((3, 0), np.int32), 5, 8)
    sampler = TaxonomyNegatives(taxonomy, (2.0, 2.0), 4, np.zeros(8, np.int64), 0.0, known, RandomSource(4), (0.0, 0.0, 5.0))
    assert sampler.levels_at(0).tolist() == [0, 0, 1]
    assert sampler.levels_at(0.25).tolist() == [0.125, 0.125, 0.75]
    assert sampler.levels_at(1).tolist() == [0.5, 0.5, 0]
    batch = Positives(np.arange(3000), np.zeros(3000, np.int32), np.zeros(3000, np.int32), np.full(3000, 2, np.int32))
    for progress in (0.0, 0.25, 1.0):
        found = np.bincount(sampler.draw(batch, 0, progress).reason.ravel(), minlength=3)
        expected = sampler.levels_at(progress) * 12_000
        assert not found[expected == 0].any()
        possible = expected > 0
        assert possible.sum() == 1 or chisquare(found[possible], expected[possible]).pvalue > 1e-4
