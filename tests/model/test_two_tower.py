"""The towers: what it leaves alone, what it stores, what it learns from, and that every part can be switched off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional
from towers import random_towers, tiny_config

from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.two_tower import TwoTower
from gnn_search.sampling.batches import Batch, BatchSampler
from gnn_search.training.optimiser import Optimisers

PLAIN = {"product": {"cold_start_share": 0}, "query": {"known_dropout": 0}}

SWITCHES = {
    "all on": {},
    "no product text": {"product": {"text": False}},
    "no category": {"product": {"category": False}},
    "no ID embeddings of products": {"product": {"id_embedding": False}},
    "no queries of products": {"product": {"queries": 0}},
    "no partners": {"product": {"bought_with": 0}},
    "no degree": {"product": {"degree": False}},
    "no numbers": {"product": {"numeric": False}},
    "no product attributes": {"product": {"attributes": False}},
    "brands": {"product": {"brand": True}},
    "ages of neighbours": {"product": {"half_life_days": 5}, "query": {"half_life_days": 5}},
    "no ID embeddings of queries": {"query": {"id_embedding": False}},
    "no products of queries": {"query": {"products": 0}},
    "no recent choices": {"user": {"sequence_length": 0}},
    "no attributes": {"user": {"attributes": False}},
    "one sequence for all actions": {"user": {"by_action": False}},
    "long-term brands": {"user": {"brands": True, "profile_length": 5}, "product": {"brand": True}},
    "no history": {"user": {"attention_length": 0}},
    "no user": {"user": {"sequence_length": 0, "attributes": False, "attention_length": 0}},
    "ID embeddings alone": {
        "product": {
            "text": False,
            "category": False,
            "numeric": False,
            "attributes": False,
            "queries": 0,
            "bought_with": 0,
            "degree": False,
        },
        "query": {"products": 0},
        "user": {"sequence_length": 0, "attributes": False, "attention_length": 0},
    },
    "text alone": {
        "product": {
            "category": False,
            "id_embedding": False,
            "numeric": False,
            "attributes": False,
            "queries": 0,
            "bought_with": 0,
            "degree": False,
        },
        "query": {"products": 0, "id_embedding": False},
        "user": {"sequence_length": 0, "attributes": False, "attention_length": 0},
    },
    "in-batch negatives alone": {"negatives": [{"kind": "in_batch"}]},
    "uniform negatives alone": {"negatives": [{"kind": "uniform", "count": 8}]},
}


@pytest.fixture(scope="module")
def encoder(tiny_graph) -> NodeEncoder:
    config = tiny_config()
    return NodeEncoder(random_towers(tiny_graph, config), BatchSampler(tiny_graph, config).inputs, at_the_end(tiny_graph))


def at_the_end(graph):
    return graph.before(graph.manifest.test_start)


def late_batch(sampler: BatchSampler) -> Batch:
    """Return the batch with the latest examples, so that much is known before it."""
    batches = [sampler.make(0, step) for step in range(sampler.steps_per_epoch)]
    return max(batches, key=lambda batch: sampler.examples.time[batch.positives.example[0]])


def prepare(graph, **changes) -> tuple[TwoTower, Batch]:
    config = tiny_config(**changes)
    sampler = BatchSampler(graph, config)
    towers = random_towers(graph, config)
    towers.remember(*NodeEncoder(towers, sampler.inputs, at_the_end(graph)).encode_products())
    return towers, late_batch(sampler)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_a_user_the_query_stays_as_it_is_to_the_bit(encoder):
    queries = np.arange(20, dtype=np.int32)
    plain = encoder.encode_queries(queries)
    nobody = np.full(20, -1, dtype=np.int32)
    assert torch.equal(encoder.personalise(plain, nobody, queries), plain)
    assert torch.equal(encoder.encode_requests(nobody, queries), plain)


def test_a_user_of_whom_nothing_is_known_leaves_the_query_as_it_is(encoder, tiny_graph):
    users = tiny_graph.nodes("user")["user_id"].to_list()
    unlisted = np.array([users.index(15)], dtype=np.int32)
    query = np.array([3], dtype=np.int32)
    plain = encoder.encode_queries(query)
    never = np.array([tiny_graph.manifest.time_first])
    assert torch.equal(encoder.personalise(plain, unlisted, query, never), plain)
    assert not torch.equal(encoder.personalise(plain, unlisted, query), plain)


def test_attributes_alone_move_the_query(encoder, tiny_graph):
    listed = np.array([tiny_graph.nodes("user")["user_id"].to_list().index(1)], dtype=np.int32)
    query = np.array([3], dtype=np.int32)
    plain = encoder.encode_queries(query)
    assert not torch.equal(encoder.personalise(plain, listed, query, np.array([tiny_graph.manifest.time_first])), plain)


def test_neighbours_in_a_batch_do_not_change_a_request(encoder):
    users, queries = np.array([0, -1, 4, 7], dtype=np.int32), np.array([3, 3, 8, 3], dtype=np.int32)
    together = encoder.encode_requests(users, queries)
    alone = torch.cat([encoder.encode_requests(users[[place]], queries[[place]]) for place in range(4)])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-6)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(4))
    assert float((together[0] @ together[3]).detach()) < 0.999


def test_before_anything_happened_everything_has_a_vector(tiny_graph):
    config = tiny_config()
    sampler = BatchSampler(tiny_graph, config)
    encoder = NodeEncoder(random_towers(tiny_graph, config), sampler.inputs, tiny_graph.before(tiny_graph.manifest.time_first))
    for vectors in (encoder.products, encoder.encode_queries(np.arange(20, dtype=np.int32)), encoder.encode_categories()):
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))


@pytest.mark.parametrize("changes", SWITCHES.values(), ids=SWITCHES.keys())
def test_each_part_can_be_switched_off_and_what_is_left_learns(tiny_graph, changes):
    towers, batch = prepare(tiny_graph, **changes)
    known = batch.products.known.copy()
    known[::3] = False
    batch = replace(batch, products=replace(batch.products, known=known))
    optimisers = Optimisers(towers, towers.config.optimiser, 100)
    first = towers(batch, generator())
    assert torch.isfinite(first.total)
    first.total.backward()
    for name, parameter in towers.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    for step in range(3):
        optimisers.step(step)
        last = towers(batch, generator())
        last.total.backward()
    assert last.total < first.total


def test_a_part_that_is_off_has_no_weights(tiny_graph):
    towers, _ = prepare(tiny_graph, **SWITCHES["text alone"])
    assert {name.partition(".")[0] for name, _ in towers.named_parameters()} == {"text", "log_temperature"}


def test_the_batchs_products_are_stored_and_no_others(tiny_graph):
    towers, batch = prepare(tiny_graph, **PLAIN)
    bases, vectors = towers.bases.clone(), towers.vectors.clone()
    towers.bases.add_(1)
    towers.vectors.add_(1)
    towers(batch, generator())
    inside = np.isin(np.arange(40), batch.products.product)
    assert 0 < inside.sum() < 40
    torch.testing.assert_close(towers.bases[inside], bases[inside])
    torch.testing.assert_close(towers.vectors[inside].norm(dim=1), torch.ones(int(inside.sum())))
    assert torch.equal(towers.bases[~inside], bases[~inside] + 1)
    assert torch.equal(towers.vectors[~inside], vectors[~inside] + 1)
    assert not towers.bases.requires_grad


def test_a_product_that_a_step_treats_as_new_is_not_remembered_so(tiny_graph):
    towers, batch = prepare(tiny_graph, product={"cold_start_share": 1})
    known = batch.products.known.copy()
    known[::2] = False
    batch = replace(batch, products=replace(batch.products, known=known))
    before = towers.vectors.add_(1).clone()
    towers(batch, generator())
    changed = (towers.vectors != before).any(dim=1).numpy()
    np.testing.assert_array_equal(np.flatnonzero(changed), batch.products.product[known])


def test_dropout_hangs_on_the_generator_alone(tiny_graph):
    def losses(seed: int) -> list[float]:
        towers, batch = prepare(tiny_graph, query={"known_dropout": 0.5}, product={"cold_start_share": 0.5})
        torch.manual_seed(seed + 100)
        found = towers(batch, generator(seed))
        return [found.total.item(), *(value.item() for value in found.parts.values())]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_the_loss_is_its_formula(tiny_graph):
    towers, batch = prepare(tiny_graph, negatives=[{"kind": "in_batch"}, {"kind": "taxonomy", "count": 3, "weight": 0.7}], **PLAIN)
    bases, vectors = towers.bases.clone(), towers.vectors.clone()
    found = towers(batch, generator())
    towers.bases.copy_(bases)
    towers.vectors.copy_(vectors)
    with torch.no_grad():
        text = towers.query_texts(batch.queries.query)
        base = towers.product_bases(batch.products.product, torch.ones(len(batch.products.product), dtype=torch.bool))
        product = towers.product(batch.products, base, text, batch.queries.query, towers.bases)
        towers.vectors[batch.products.product] = product
        noisy = len(batch.texts.noisy)
        text[batch.texts.noisy] = towers.text(batch.texts.texts)[:noisy]
        pseudo = functional.normalize(towers.text(batch.texts.texts[noisy:]), dim=1)
        query = torch.cat([towers.query(batch.queries, text, towers.vectors), pseudo])[batch.query]
        query = towers.personalise(query, batch.users, towers.vectors)
        scores = query @ product.T / towers.temperature
    assert min(noisy, len(pseudo)) > 3
    pool, own = [], []
    masked = set(zip(batch.masked_row.tolist(), batch.masked_column.tolist(), strict=True))
    assert any(batch.pool[column] != batch.positive[row] for row, column in masked)
    for row, positive in enumerate(batch.positive):
        corrected = {column: scores[row, place] - batch.log_presence[column] for column, place in enumerate(batch.pool)}
        others = [value for column, value in corrected.items() if (row, column) not in masked]
        right = scores[row, positive]
        pool.append(torch.logsumexp(torch.stack([right, *others]), dim=0) - right)
        (part,) = batch.own
        valid = [scores[row, place] for place, fair in zip(part.product[row], part.valid[row], strict=True) if fair]
        own.append(torch.logsumexp(torch.stack([scores[row, positive], *valid]), dim=0) - scores[row, positive])
    assert found.parts["pool"].item() == pytest.approx(torch.stack(pool).mean().item(), rel=1e-4)
    assert found.parts["taxonomy"].item() == pytest.approx(torch.stack(own).mean().item(), rel=1e-4)
    assert found.total.item() == pytest.approx(found.parts["pool"].item() + 0.7 * found.parts["taxonomy"].item())
    assert found.weights == {"pool": 1, "taxonomy": 0.7}


def test_an_example_without_weight_teaches_nothing(tiny_graph):
    towers, batch = prepare(tiny_graph, negatives=[{"kind": "taxonomy"}, {"kind": "uniform", "count": 20}], **PLAIN)
    whole = towers(batch, generator())
    doubled = towers(replace(batch, weight=batch.weight * 2), generator())
    assert doubled.total.item() == pytest.approx(whole.total.item(), rel=1e-4)
    nothing = towers(replace(batch, weight=np.zeros_like(batch.weight)), generator())
    assert nothing.total.item() == 0


def test_the_temperature_has_a_floor(tiny_graph):
    towers, _ = prepare(tiny_graph)
    assert towers.temperature.item() == pytest.approx(0.06)
    with torch.no_grad():
        towers.log_temperature.fill_(-50)
    assert towers.temperature.item() == pytest.approx(0.005)
