"""Lists of nearest products against a plain search, and the stretches of steps that they serve."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from towers import random_towers, tiny_config

from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.batches import BatchSampler
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.training.mining import Miner, nearest_lists


def config(**changes):
    return tiny_config(negatives=[{"kind": "in_batch"}, {"kind": "dynamic", "depth": 7, "refresh_every": 4}], **changes)


@pytest.fixture(scope="module")
def encoder(tiny_graph):
    towers = random_towers(tiny_graph, config())
    view = tiny_graph.before(tiny_graph.manifest.validation_start)
    return NodeEncoder(towers, BatchSampler(tiny_graph, config()).inputs, view)


@pytest.mark.parametrize("rule", ["query", "user_query"])
@pytest.mark.parametrize("depth", [7, 500])
def test_lists_are_the_nearest_that_the_mask_leaves(tiny_graph, encoder, rule, depth):
    examples = BatchSampler(tiny_graph, config()).examples
    known = KnownPositives(rule, examples.user, examples.query, examples.product, 20, 40)
    query = np.array([1, 4, 5, 11], np.int32)
    lists = nearest_lists(encoder, query, depth, known)
    chosen = set(zip(examples.query.tolist(), examples.product.tolist(), strict=True))
    scores = (encoder.encode_queries(query) @ encoder.products.T).numpy()
    assert lists.shape == (20, min(depth, 40))
    for number in range(20):
        wanted: list[int] = []
        if number in query:
            order = np.argsort(-scores[query.tolist().index(number)], kind="stable").tolist()
            wanted = [product for product in order if rule == "user_query" or (number, product) not in chosen][:depth]
        assert [product for product in lists[number].tolist() if product >= 0] == wanted


def test_stretches_end_where_new_lists_begin(tiny_graph):
    batches = BatchSampler(tiny_graph, config())
    miner = Miner.of(random_towers(tiny_graph, config()), batches, config().negatives)
    assert miner is not None
    assert miner.bounds(0, 10) == [4, 8, 10]
    assert miner.bounds(3, 8) == [4, 8]
    assert miner.bounds(4, 9) == [8, 9]
    assert miner.bounds(9, 9) == [9]


def test_lists_come_back_from_a_checkpoint(tiny_graph):
    batches, towers = BatchSampler(tiny_graph, config()), random_towers(tiny_graph, config())
    miner = Miner.of(towers, batches, config().negatives)
    assert miner is not None
    assert miner.tensors() == {}
    miner.renew(5)
    lists = batches.negatives.dynamic.lists
    kept = miner.tensors()
    assert list(kept) == ["step 4"]
    other = BatchSampler(tiny_graph, config())
    again = Miner.of(towers, other, config().negatives)
    assert again is not None
    again.load(kept)
    np.testing.assert_array_equal(other.negatives.dynamic.lists, lists)
    with torch.no_grad():
        towers.text.tokens.add_(1)
    again.renew(7)
    np.testing.assert_array_equal(other.negatives.dynamic.lists, lists)
    again.renew(8)
    assert (other.negatives.dynamic.lists != lists).any()


def test_a_run_without_them_has_no_miner(tiny_graph):
    batches = BatchSampler(tiny_graph, tiny_config())
    assert Miner.of(random_towers(tiny_graph, tiny_config()), batches, tiny_config().negatives) is None
