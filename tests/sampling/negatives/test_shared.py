"""Negatives that stand against the whole batch, and the chance that a batch's draw holds a product."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from gnn_search.sampling.negatives.base import Positives
from gnn_search.sampling.negatives.in_batch import InBatchNegatives
from gnn_search.sampling.negatives.uniform import UniformNegatives
from gnn_search.sampling.random_source import RandomSource

NOTHING = np.empty(0, np.int32)
NO_BATCH = Positives(np.empty(0, np.int64), NOTHING, NOTHING, NOTHING)


def test_in_batch_draws_the_positives():
    product = np.array([3, 1, 3], np.int32)
    batch = Positives(np.arange(3), product, product, product)
    assert InBatchNegatives(product, 5).draw(batch, 0, 0).tolist() == [3, 1, 3]


def test_in_batch_absence_is_what_simulation_finds():
    examples = np.array([0] * 6 + [1] * 3 + [2], np.int32)
    sampler = InBatchNegatives(examples, 4)
    absence = np.exp(sampler.log_absence(np.arange(4, dtype=np.int32), 3))
    assert absence.tolist() == pytest.approx([0.4**3, 0.7**3, 0.9**3, 1])
    batches = np.random.Generator(np.random.Philox(0)).choice(examples, (20_000, 3))
    assert [(batches != product).all(axis=1).mean() for product in range(4)] == pytest.approx(absence.tolist(), abs=0.01)


def test_in_batch_absence_of_the_only_product_is_finite():
    assert np.isfinite(InBatchNegatives(np.zeros(4, np.int32), 1).log_absence(np.zeros(1, np.int32), 100)).all()


def test_uniform_is_even():
    sampler = UniformNegatives(50, 20, RandomSource(0))
    drawn = np.concatenate([sampler.draw(NO_BATCH, 0, step) for step in range(400)])
    assert chisquare(np.bincount(drawn, minlength=20)).pvalue > 1e-4


def test_uniform_follows_seed_epoch_and_step():
    def draw(seed: int, epoch: int, step: int) -> tuple[int, ...]:
        return tuple(UniformNegatives(30, 1000, RandomSource(seed)).draw(NO_BATCH, epoch, step))

    assert draw(1, 2, 3) == draw(1, 2, 3)
    assert len({draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)}) == 4


def test_uniform_absence_is_what_simulation_finds():
    sampler = UniformNegatives(10, 8, RandomSource(0))
    absence = np.exp(sampler.log_absence(np.arange(8, dtype=np.int32), 99))
    assert absence == pytest.approx(np.full(8, (7 / 8) ** 10))
    drawn = [set(sampler.draw(NO_BATCH, 0, step)) for step in range(4000)]
    assert np.mean([0 not in batch for batch in drawn]) == pytest.approx(absence[0], abs=0.025)


def test_both_describe_themselves():
    assert UniformNegatives(10, 8, RandomSource(0)).describe()["count"] == 10
    assert InBatchNegatives(NOTHING, 8).describe()["kind"] == "in_batch"
