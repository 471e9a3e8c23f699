"""All parts of the towers at once: nothing from the future, nothing for an unknown user, the same in any order and by any blocks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from rich_shop import PARTS, write_rich_shop
from shops import START, build
from towers import random_towers, tiny_config

from gnn_search.graph.store import Graph, to_time
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.batches import BatchSampler
from gnn_search.sampling.inputs import InputSampler
from gnn_search.training.optimiser import Optimisers

QUERIES = np.arange(20, dtype=np.int32)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return write_rich_shop(tmp_path_factory.mktemp("every") / "shop")


@pytest.fixture(scope="module")
def graph(shop) -> Graph:
    return build(shop, shop.parent.parent / "graph")


def encoder_of(graph: Graph, time: int, block: int = 8192, **changes) -> NodeEncoder:
    config = tiny_config(**{**PARTS, **changes})
    return NodeEncoder(random_towers(graph, config), InputSampler(graph, config), graph.before(time), block=block)


def everything(encoder: NodeEncoder) -> dict[str, torch.Tensor]:
    users = np.resize(np.arange(-1, encoder.view.graph.num_nodes["user"], dtype=np.int32), 50)
    return {
        "product": encoder.products,
        "query": encoder.encode_queries(QUERIES),
        "request": encoder.encode_requests(users, np.resize(QUERIES, 50)),
        "user": encoder.encode_users(),
    }


@pytest.mark.parametrize("day", [25, 44, 52])
def test_nothing_at_or_after_the_moment_counts(shop, graph, tmp_path, day):
    table = shop.parent / "events.parquet"
    events = pl.read_parquet(table)
    later = pl.col("timestamp") >= START + timedelta(days=day)
    turned = events.filter(later).with_columns(pl.col("product_id", "action").reverse())
    pl.concat([events.filter(~later), turned]).write_parquet(table)
    other = build(shop, tmp_path / "graph")
    events.write_parquet(table)
    moment = to_time(START + timedelta(days=day))
    # Borders of numbers and ID embeddings are learned from all of training, which lies before the moments of evaluation.
    changes = {"product": {**PARTS["product"], "numeric": day >= 44}}
    one, two = everything(encoder_of(graph, moment, **changes)), everything(encoder_of(other, moment, **changes))
    for name, vectors in one.items():
        assert torch.equal(vectors, two[name]), name
    end = graph.manifest.time_last + 1
    one, two = everything(encoder_of(graph, end, **changes)), everything(encoder_of(other, end, **changes))
    for name, vectors in one.items():
        assert not torch.equal(vectors, two[name]), name


def test_a_user_of_whom_nothing_is_known_leaves_the_query_as_it_is_to_the_bit(graph):
    encoder = encoder_of(graph, graph.manifest.test_start)
    plain = encoder.encode_queries(QUERIES)
    assert torch.equal(encoder.personalise(plain, np.full(20, -1, np.int32), QUERIES), plain)
    unlisted = np.full(20, graph.nodes("user")["user_id"].to_list().index(15), dtype=np.int32)
    never = np.full(20, graph.manifest.time_first)
    assert torch.equal(encoder.personalise(plain, unlisted, QUERIES, never), plain)
    assert (encoder.personalise(plain, unlisted, QUERIES) != plain).any(dim=1).all()


def test_unknown_users_have_the_zero_vector(graph):
    lengths = encoder_of(graph, graph.manifest.time_first).encode_users().norm(dim=1).tolist()
    assert dict(zip(graph.nodes("user")["user_id"], lengths, strict=True))[15] == 0


def test_neighbours_in_a_batch_and_their_order_do_not_matter(graph):
    encoder = encoder_of(graph, graph.manifest.test_start)
    users, queries = np.array([0, -1, 4, 7, 3], dtype=np.int32), np.array([3, 3, 8, 3, 11], dtype=np.int32)
    together = encoder.encode_requests(users, queries)
    order = np.array([3, 0, 4, 2, 1])
    torch.testing.assert_close(encoder.encode_requests(users[order], queries[order]), together[torch.from_numpy(order)], rtol=0, atol=1e-6)
    alone = torch.cat([encoder.encode_requests(users[[place]], queries[[place]]) for place in range(5)])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-6)


def test_blocks_and_all_at_once_are_the_same(graph):
    whole = everything(encoder_of(graph, graph.manifest.test_start))
    for name, vectors in everything(encoder_of(graph, graph.manifest.test_start, block=7)).items():
        torch.testing.assert_close(vectors, whole[name], rtol=0, atol=1e-6)


def test_every_part_has_weights_and_learns(graph):
    config = tiny_config(**PARTS)
    sampler, towers = BatchSampler(graph, config), random_towers(graph, config)
    towers.remember(*NodeEncoder(towers, sampler.inputs, graph.before(graph.manifest.test_start)).encode_products())
    batches = [sampler.make(0, step) for step in range(sampler.steps_per_epoch)]
    batch = max(batches, key=lambda batch: sampler.examples.time[batch.positives.example[0]])
    optimisers = Optimisers(towers, config.optimiser, 100)
    losses = []
    for step in range(4):
        losses.append(towers(batch, torch.Generator().manual_seed(0)).total)
        losses[-1].backward()
        if not step:
            names = {name for name, parameter in towers.named_parameters() if parameter.grad is not None and parameter.grad.any()}
        optimisers.step(step)
    assert losses[-1] < losses[0]
    assert {
        "product.numeric.weight",
        "product.attributes.weight",
        "product.brand.weight",
        "product.from_related.0.linear.weight",
        "user.recent.0.linear.weight",
        "user.recent.1.linear.weight",
        "user.from_brands.linear.weight",
        "shared.values.weight",
    } <= names
