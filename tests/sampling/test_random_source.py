"""Philox against the reference's known answers, and draws that depend on their key alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from gnn_search.sampling.random_source import RandomSource, philox


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        # The known answers of Random123 (kat_vectors, philox4x32 10).
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers(counter, key, expected):
    words = philox(tuple(np.array([word], np.uint64) for word in counter), key)
    assert tuple(int(word[0]) for word in words) == expected


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=12), st.integers(1, 9), st.randoms())
def test_an_examples_numbers_depend_on_no_other_example(examples, count, shuffler):
    source = RandomSource(7)
    together = source.uint32("test", 3, np.array(examples), count)
    order = list(range(len(examples)))
    shuffler.shuffle(order)
    np.testing.assert_array_equal(source.uint32("test", 3, np.array(examples)[order], count), together[order])
    for place, example in enumerate(examples):
        np.testing.assert_array_equal(source.uint32("test", 3, np.array([example]), count)[0], together[place])


def test_fewer_numbers_are_the_first_of_more():
    source = RandomSource(7)
    np.testing.assert_array_equal(source.uint32("a", 0, np.arange(4), 3), source.uint32("a", 0, np.arange(4), 9)[:, :3])


@pytest.mark.parametrize(
    "other",
    [
        lambda examples: RandomSource(8).uint32("purpose", 0, examples, 4),
        lambda examples: RandomSource(7).uint32("another", 0, examples, 4),
        lambda examples: RandomSource(7).uint32("purpose", 1, examples, 4),
        lambda examples: RandomSource(7).uint32("purpose", 0, examples + 1, 4),
        lambda examples: RandomSource(7).uint32("purpose", 0, examples + 2**32, 4),
    ],
)
def test_every_part_of_the_key_counts(other):
    examples = np.arange(50) * 2
    here = RandomSource(7).uint32("purpose", 0, examples, 4)
    assert (here != other(examples)).mean() > 0.99


def test_uniform_is_even_and_below_one():
    drawn = RandomSource(0).uniform("even", 0, np.arange(20_000), 5)
    assert drawn.shape == (20_000, 5)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    for column in drawn.T:
        assert chisquare(np.bincount((column * 50).astype(int), minlength=50)).pvalue > 1e-4
    assert np.abs(np.corrcoef(drawn.T) - np.eye(5)).max() < 0.03


def test_nothing_is_drawn_for_nobody():
    assert RandomSource(0).uniform("none", 0, np.empty(0, np.int64), 3).shape == (0, 3)


@pytest.mark.parametrize("purpose", ["plan", "a", "b", "c", "d", "e"])
def test_generators_differ_by_epoch_purpose_and_seed(purpose):
    # Some purposes have a key above 2**63, which must not be rounded.
    drawn = [tuple(RandomSource(seed).generator(name, epoch).integers(2**62, size=3)) for seed, name, epoch in
             [(1, purpose, 0), (1, purpose, 1), (1, purpose, 2), (2, purpose, 0), (1, purpose + "x", 0)]]  # fmt: skip
    assert len(set(drawn)) == len(drawn)
    assert drawn[0] == tuple(RandomSource(1).generator(purpose, 0).integers(2**62, size=3))
