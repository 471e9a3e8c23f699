"""Rules that score fused candidates."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from gnn_search.arrays import PADDING
from gnn_search.retrieval.fusion.candidates import join_channels
from gnn_search.retrieval.fusion.rules import ChannelWeights, WeightedSum, Weights, channel_features, reciprocal_ranks
from gnn_search.retrieval.ranking import Ranking

LISTS = {
    "vector": Ranking(np.array([[3, 5]], np.int32), np.array([[0.75, 0.5]], np.float32)),
    "lexical": Ranking(np.array([[5, PADDING]], np.int32), np.array([[8, -np.inf]], np.float32)),
}


def test_features_by_hand():
    joined = join_channels(LISTS)
    assert joined.product.tolist() == [3, 5]
    assert np.allclose(channel_features(joined, "vector"), [[0, -0.25], [0, -np.log(1.1)], [0, 0]])
    assert np.allclose(channel_features(joined, "lexical"), [[0, 0], [0, 0], [1, 0]])


def test_bm25_counts_as_a_share_of_the_best():
    lexical = Ranking(np.array([[5, 2], [PADDING, PADDING]], np.int32), np.array([[8, 2], [-np.inf, -np.inf]], np.float32))
    vector = Ranking(np.array([[2], [1]], np.int32), np.array([[0.5], [0.5]], np.float32))
    joined = join_channels({"lexical": lexical, "vector": vector})
    assert joined.product.tolist() == [2, 5, 1]
    assert channel_features(joined, "lexical")[0].tolist() == [-0.75, 0, -1]


def test_the_sum_by_hand():
    weights = Weights(
        channels={
            "vector": ChannelWeights(score=4, rank=0, missing=-1),
            "lexical": ChannelWeights(score=0, rank=1, missing=-3),
        }
    )
    assert np.allclose(WeightedSum(weights)(join_channels(LISTS)), [-3, -1])


def test_a_request_scores_the_same_whatever_stands_beside_it():
    random = np.random.default_rng(0)
    product = np.stack([random.permutation(300)[:50] for _ in range(40)]).astype(np.int32)
    score = -np.sort(-random.normal(size=(40, 50)), axis=1).astype(np.float32)
    weights = WeightedSum(Weights(channels={"a": ChannelWeights(score=0.3, rank=0.7, missing=-0.2)}))
    together = weights(join_channels({"a": Ranking(product, score)}))
    alone = [weights(join_channels({"a": Ranking(product[i : i + 1], score[i : i + 1])})) for i in range(40)]
    assert np.array_equal(together, np.concatenate(alone))


def test_weights_must_be_finite_and_known():
    with pytest.raises(ValidationError, match="finite"):
        ChannelWeights(score=np.nan, rank=0, missing=0)
    with pytest.raises(ValidationError, match="extra"):
        ChannelWeights.model_validate({"score": 0, "rank": 0, "missing": 0, "more": 1})


def test_by_hand():
    lists = {
        "a": Ranking(np.array([[4, 1]], np.int32), np.array([[9, 8]], np.float32)),
        "b": Ranking(np.array([[1, 6]], np.int32), np.array([[0.2, 0.1]], np.float32)),
    }
    joined = join_channels(lists)
    assert joined.product.tolist() == [1, 4, 6]
    assert np.allclose(reciprocal_ranks(joined), [1 / 62 + 1 / 61, 1 / 61, 1 / 62], rtol=0, atol=1e-15)
    # Two middling ranks beat one first.
    assert joined.best(reciprocal_ranks(joined), 3).product.tolist() == [[1, 4, 6]]
