"""The factorisation of who chose what, against a dense one."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.rerank.collaborative import CollaborativeFactors
from gnn_search.rerank.interactions import Interactions

USERS, PRODUCTS, RANKS = 12, 9, (2, 4)
SILENT, UNCHOSEN = 5, 7


def evidence(user, product, weight=None, users=USERS, products=PRODUCTS) -> Interactions:
    user, product = np.asarray(user, np.int32), np.asarray(product, np.int32)
    weight = np.ones(len(user), np.float32) if weight is None else np.asarray(weight, np.float32)
    return Interactions.count_edges(user, product, np.zeros(len(user), np.int64), weight, 1, (7.0,), users, products)


def choices(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    user, product = random.integers(USERS, size=70), random.integers(PRODUCTS, size=70)
    kept = (user != SILENT) & (product != UNCHOSEN)
    return user[kept], product[kept]


def every_pair() -> tuple[np.ndarray, np.ndarray]:
    user, product = np.meshgrid(np.arange(-1, USERS), np.arange(PRODUCTS), indexing="ij")
    return user.ravel(), product.ravel()


def dense(user: np.ndarray, product: np.ndarray) -> np.ndarray:
    counts = np.zeros((USERS, PRODUCTS))
    np.add.at(counts, (user, product), 1)
    weighted = np.log1p(counts) * np.log((USERS + 1) / ((counts > 0).sum(axis=0) + 1))
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_equals_a_dense_decomposition(seed):
    user, product = choices(seed)
    left, value, right = np.linalg.svd(dense(user, product), full_matrices=False)
    columns = CollaborativeFactors.decompose(evidence(user, product), PRODUCTS, RANKS).columns(*every_pair())
    assert [column.dtype for column in columns] == [np.float32] * 4
    for place, rank in enumerate(RANKS):
        expected = (left[:, :rank] * value[:rank]) @ right[:rank]
        length = np.linalg.norm(right[:rank], axis=0)
        direction = np.divide(expected, length, out=np.zeros_like(expected), where=length > 1e-6)
        for column, numbers in ((columns[2 * place], expected), (columns[2 * place + 1], direction)):
            np.testing.assert_allclose(column.reshape(USERS + 1, PRODUCTS)[1:], numbers, atol=1e-5)


def test_nothing_is_known_of_nobody_of_the_silent_and_of_what_nobody_chose():
    columns = np.stack(CollaborativeFactors.decompose(evidence(*choices(0)), PRODUCTS, RANKS).columns(*every_pair())).reshape(
        4, USERS + 1, PRODUCTS
    )
    assert not columns[:, 0].any()
    assert not columns[:, 1 + SILENT].any()
    assert not columns[:, :, UNCHOSEN].any()
    assert columns.any(axis=(1, 2)).all()


def test_similar_users_recommend_to_each_other():
    # Two tastes; user 0 has not interacted with product 2 yet, but the others of her taste have.
    user, product = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 6, 6], [0, 1, 0, 1, 2, 0, 1, 2, 3, 4, 3, 4, 3, 4]
    entry = CollaborativeFactors.decompose(evidence(user, product), PRODUCTS, (2,)).columns(
        np.zeros(PRODUCTS, np.int64), np.arange(PRODUCTS)
    )[0]
    assert entry[2] > 0.2
    assert abs(entry[3]) < 1e-6


def test_same_interactions_same_bytes():
    first, second = (
        np.stack(CollaborativeFactors.decompose(evidence(*choices(1)), PRODUCTS, RANKS).columns(*every_pair())) for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("user", "product", "users", "products"),
    [([], [], 3, 4), ([0], [0], 1, 1), ([0, 0], [0, 1], 1, 2), ([0, 1], [0, 0], 2, 1), ([0, 1, 1], [0, 0, 1], 2, 2), ([], [], 0, 2)],
)
def test_shops_too_small_for_the_ranks(user, product, users, products):
    factors = CollaborativeFactors.decompose(evidence(user, product, users=users, products=products), products, (16, 64))
    columns = factors.columns(np.arange(-1, users), np.zeros(users + 1, np.int64))
    assert len(columns) == 4
    assert np.isfinite(columns).all()


def test_switched_off():
    assert CollaborativeFactors.decompose(evidence(*choices(0)), PRODUCTS, ()).columns(*every_pair()) == []
