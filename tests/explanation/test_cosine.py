"""A cosine as a sum over the parts of two vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.explanation.cosine import split_cosine


def test_by_hand():
    # The request is (3, 4), of length 5; the product (0, 2), of length 2.
    split = split_cosine(
        {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([0.0, 4.0])}, {"c": torch.tensor([0.0, 3.0]), "d": torch.tensor([0.0, -1.0])}
    )
    assert split.cosine == pytest.approx(0.8)
    assert [part.name for part in (*split.request, *split.product)] == ["a", "b", "c", "d"]
    np.testing.assert_allclose([part.cosine for part in (*split.request, *split.product)], [0, 0.8, 1.2, -0.4])
    np.testing.assert_allclose([part.length for part in (*split.request, *split.product)], [0.6, 0.8, 1.5, 0.5])
    np.testing.assert_allclose(split.both, [[0, 0], [1.2, -0.4]])


def test_a_request_of_which_nothing_is_known_has_no_cosine():
    split = split_cosine({"query text": torch.zeros(2)}, {"c": torch.ones(2)})
    assert (split.cosine, split.request[0].cosine, split.product[0].cosine) == (0, 0, 0)


@given(seed=st.integers(0, 10_000), left=st.integers(1, 5), right=st.integers(1, 5))
def test_sums_to_the_cosine_in_each_way(seed, left, right):
    random = torch.Generator().manual_seed(seed)
    request = {str(number): torch.randn(8, generator=random) for number in range(left)}
    product = {str(number): torch.randn(8, generator=random) for number in range(right)}
    split = split_cosine(request, product)
    expected = torch.cosine_similarity(sum(request.values()), sum(product.values()), dim=0).item()
    sums = [split.cosine, sum(part.cosine for part in split.request), sum(part.cosine for part in split.product), np.sum(split.both)]
    np.testing.assert_allclose(sums, expected, atol=1e-5)
