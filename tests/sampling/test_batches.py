"""Batches: the same for a step whatever was made before, every example once an epoch, nothing from the future, right indices."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from shops import DAY

from gnn_search.config.training import TrainingConfig
from gnn_search.graph.lexical.fields import searched_text
from gnn_search.sampling.batches import Batch, BatchSampler, queries_held_out
from gnn_search.sampling.negatives.known import KnownPositives

WINDOW_DAYS = 5


def config(**changes: Any) -> TrainingConfig:
    content: dict[str, Any] = {
        "name": "test",
        "seed": 3,
        "negatives": [{"kind": "in_batch"}, {"kind": "uniform", "count": 6}, {"kind": "taxonomy", "count": 2, "levels": [1, 1]}],
        "loop": {"batch_size": 16, "window_days": WINDOW_DAYS},
        "augmentation": {"pseudo_queries": 0, "noise": 0, "held_out_queries": 0},
        "product": {"queries": 2, "bought_with": 2, "brand": True, "pool": 3},
        "query": {"products": 3},
        "user": {"sequence_length": 5, "brands": True, "profile_length": 4, "attention_length": 4},
    }
    return TrainingConfig.model_validate({**content, **changes})


@pytest.fixture(scope="module")
def sampler(tiny_graph):
    return BatchSampler(tiny_graph, config())


@pytest.fixture(scope="module")
def batches(sampler):
    return [sampler.make(0, step) for step in range(sampler.steps_per_epoch)]


def assert_equal(one: Any, other: Any) -> None:
    if isinstance(one, tuple):
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    elif is_dataclass(one):
        for field in fields(one):
            assert_equal(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    elif not isinstance(one, np.ndarray):
        assert one == other
    else:
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def window_start(sampler: BatchSampler, batch: Batch) -> int:
    first = sampler.examples.time[0]
    windows = (sampler.examples.time[batch.positives.example] - first) // (WINDOW_DAYS * DAY)
    assert len(set(windows.tolist())) == 1
    return int(first + windows[0] * WINDOW_DAYS * DAY)


def test_a_step_is_the_same_whatever_was_made_before(tiny_graph, batches):
    fresh = BatchSampler(tiny_graph, config())
    last = fresh.steps_per_epoch - 1
    fresh.make(4, last)
    for step in (last, 0, 7):
        assert_equal(fresh.make(0, step), batches[step])
    assert_equal(BatchSampler(tiny_graph, config()).make(1, 2), fresh.make(1, 2))


def test_seeds_and_epochs_differ(tiny_graph, batches, sampler):
    other = BatchSampler(tiny_graph, config(seed=4))
    orders = [
        np.concatenate([source.make(epoch, step).positives.example for step in range(len(batches))]).tolist()
        for source, epoch in ((sampler, 0), (sampler, 1), (sampler, 2), (other, 0))
    ]
    assert len({tuple(order) for order in orders}) == 4
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_every_example_comes_once_an_epoch(batches, sampler):
    example = np.concatenate([batch.positives.example for batch in batches])
    assert sorted(example.tolist()) == list(range(len(sampler.examples.user)))
    assert max(len(batch.positives.example) for batch in batches) <= 16


def test_a_batch_holds_its_examples(batches, sampler):
    for batch in batches:
        for name in ("user", "query", "product"):
            np.testing.assert_array_equal(getattr(batch.positives, name), getattr(sampler.examples, name)[batch.positives.example])
        np.testing.assert_array_equal(batch.weight, sampler.examples.weight[batch.positives.example])


def test_nothing_is_read_from_the_future(tiny_graph, batches, sampler):
    seen = 0
    for batch in batches:
        start = window_start(sampler, batch)
        relations = {
            ("query", "leads_to", "product"): batch.products.queries,
            ("product", "rev_bought_with", "product"): batch.products.partners,
            ("product", "rev_leads_to", "query"): batch.queries.products,
        }
        for edge_type, neighbours in relations.items():
            csr = tiny_graph.csr(edge_type)
            assert (csr.time[neighbours.edge] < start).all()
            np.testing.assert_array_equal(csr.index[neighbours.edge], neighbours.index)
            assert (neighbours.age > 0).all()
            seen += len(neighbours.edge)
        session = sampler.examples.session_start[batch.positives.example]
        history = batch.users.history
        assert (history.last < np.repeat(session, np.diff(history.indptr))).all()
        for example, person in enumerate(batch.users.row):
            for recent in batch.users.recent:
                assert (recent.last[slice(*recent.indptr[person : person + 2])] < session[example]).all()
            assert batch.users.user[person] == batch.positives.user[example]
        seen += len(history.product) + sum(len(recent.product) for recent in batch.users.recent)
    assert seen > 1000


def test_indices_point_where_they_say(batches, sampler, tiny_graph):
    examples = sampler.examples
    known = KnownPositives("user_query", examples.user, examples.query, examples.product, 20, 40)
    for batch in batches:
        products, positives = batch.products.product, batch.positives
        assert (np.diff(products) > 0).all()
        np.testing.assert_array_equal(products[batch.positive], positives.product)
        np.testing.assert_array_equal(batch.queries.query[batch.query], positives.query)
        assert set(batch.products.queries.index) <= set(batch.queries.query)
        pool = products[batch.pool]
        assert set(positives.product) <= set(pool)
        assert len(set(pool)) == len(pool)
        mask = np.zeros((len(positives.example), len(pool)), dtype=bool)
        mask[batch.masked_row, batch.masked_column] = True
        expected = known.contains(positives.user, positives.query, np.tile(pool, (len(mask), 1)))
        np.testing.assert_array_equal(mask, expected)
        assert mask[np.arange(len(mask)), np.searchsorted(pool, positives.product)].all()
        (part,) = batch.own
        assert (part.name, part.weight) == ("taxonomy", 1)
        own = products[part.product]
        assert own.shape == (len(positives.example), 2)
        valid = ~known.contains(positives.user, positives.query, own) & (own != positives.product[:, None])
        np.testing.assert_array_equal(part.valid, valid)


def test_presence_is_its_closed_form(batches, sampler):
    share = np.bincount(sampler.examples.product, minlength=40) / len(sampler.examples.product)
    for batch in batches:
        pool = batch.products.product[batch.pool]
        absence = (1 - share[pool]) ** len(batch.positives.example) * (1 - 1 / 40) ** 6
        np.testing.assert_allclose(batch.log_presence, np.log(1 - absence), rtol=1e-4)


def test_the_mask_follows_the_rule(tiny_graph):
    sampler = BatchSampler(tiny_graph, config(loss={"mask": "query"}))
    batch = sampler.make(0, 0)
    chosen = set(zip(sampler.examples.query.tolist(), sampler.examples.product.tolist(), strict=True))
    pool = list(enumerate(batch.products.product[batch.pool].tolist()))
    queries = enumerate(batch.positives.query.tolist())
    expected = {(row, column) for row, query in queries for column, product in pool if (query, product) in chosen}
    assert set(zip(batch.masked_row.tolist(), batch.masked_column.tolist(), strict=True)) == expected


def test_without_own_negatives(tiny_graph):
    batch = BatchSampler(tiny_graph, config(negatives=[{"kind": "in_batch"}])).make(0, 0)
    assert batch.own == ()
    assert batch.hardest is None
    assert set(batch.products.product) == set(batch.positives.product)


def test_negatives_describe_themselves(tiny_graph):
    sampler = BatchSampler(tiny_graph, config())
    sampler.make(0, 0)
    told = sampler.negatives.describe()
    assert [one["kind"] for one in told] == ["in_batch", "uniform", "taxonomy"]
    assert told[2]["share_masked"] == pytest.approx(1 - sampler.make(0, 0).own[0].valid.mean(), abs=1e-6)
    assert told[0]["draws"] == 16 * len(set(sampler.make(0, 0).positives.product))


def test_some_users_are_left_out_of_what_is_read_and_of_nothing_else(tiny_graph, sampler, batches):
    content = config().model_dump()
    dropping = BatchSampler(tiny_graph, TrainingConfig.model_validate({**content, "user": {**content["user"], "dropout": 0.4}}))
    asked = left_out = 0
    for step, plain in enumerate(batches):
        batch = dropping.make(0, step)
        assert_equal(batch.positives, plain.positives)
        np.testing.assert_array_equal(batch.masked_row, plain.masked_row)
        person, own = batch.users.user[batch.users.row], batch.positives.user
        assert set(person[person != own]) <= {-1}
        assert not np.diff(batch.users.history.indptr)[person < 0].any()
        asked, left_out = asked + (own >= 0).sum(), left_out + ((own >= 0) & (person < 0)).sum()
        np.testing.assert_array_equal(plain.users.user[plain.users.row], own)
    assert 0.3 < left_out / asked < 0.5
    assert_equal(dropping.make(0, 1), dropping.make(0, 1))


AUGMENTED = {"pseudo_queries": 0.5, "noise": 0.4, "typos": 0.2, "held_out_queries": 0}


@pytest.fixture(scope="module")
def augmented(tiny_graph):
    hard = [{"kind": "in_batch"}, {"kind": "taxonomy", "count": 2, "levels": [1, 1]}, {"kind": "in_batch_hard", "count": 2}]
    source = BatchSampler(tiny_graph, config(augmentation=AUGMENTED, negatives=hard))
    return [source.make(0, step) for step in range(source.steps_per_epoch)], source


def test_pseudo_queries_are_examples_of_nobody_behind_the_others(augmented, tiny_graph):
    texts = [text.lower().split() for text in searched_text(tiny_graph)]
    for batch in augmented[0]:
        count, pseudo = len(batch.positives.example), len(batch.texts.product)
        assert pseudo == 8
        assert len(batch.query) == len(batch.positive) == len(batch.weight) == len(batch.action) == len(batch.users.row) == count + pseudo
        np.testing.assert_array_equal(batch.query[count:], len(batch.queries.query) + np.arange(pseudo))
        np.testing.assert_array_equal(batch.products.product[batch.positive[count:]], batch.texts.product)
        assert set(batch.users.user[batch.users.row[count:]]) == {-1}
        assert not np.diff(batch.users.history.indptr)[count:].any()
        asked = batch.texts.texts[len(batch.texts.noisy) :]
        own = [set(text.split()) <= set(texts[product]) for product, text in zip(batch.texts.product, asked, strict=True)]
        # Some have a typo.
        assert np.mean(own) > 0.3


def test_products_of_pseudo_queries_are_in_the_pool_by_chance_too(augmented):
    batches, source = augmented
    share = np.bincount(source.examples.product, minlength=40) / len(source.examples.product)
    for batch in batches:
        pool = batch.products.product[batch.pool]
        assert set(batch.texts.product) <= set(pool)
        absence = (1 - share[pool]) ** len(batch.positives.example) * (1 - 1 / 40) ** len(batch.texts.product)
        np.testing.assert_allclose(batch.log_presence, np.log(1 - absence), rtol=1e-4)


def test_a_pseudo_querys_own_product_is_no_negative_of_it(augmented):
    inside = 0
    for batch in augmented[0]:
        count, pool = len(batch.positives.example), batch.products.product[batch.pool]
        for row, column in [(batch.masked_row, batch.masked_column), (batch.hardest.masked_row, batch.hardest.masked_column)]:
            masked = set(zip(row[row >= count].tolist(), pool[column[row >= count]].tolist(), strict=True))
            assert masked == {(count + place, product) for place, product in enumerate(batch.texts.product.tolist()) if product in pool}
            inside += len(masked)
        (part,) = batch.own
        assert len(part.product) == count + len(batch.texts.product)
        assert not part.valid[count:].any()
    assert inside > 10


def test_noisy_queries_are_taught_as_unknown_ones(augmented, tiny_graph):
    known = BatchSampler(tiny_graph, config(augmentation={**AUGMENTED, "noise": 0}))
    share = []
    for step, batch in enumerate(augmented[0]):
        asked = np.unique(batch.positives.query)
        assert set(batch.queries.query[batch.texts.noisy]) <= set(asked)
        assert not batch.queries.known[batch.texts.noisy].any()
        share.append(len(batch.texts.noisy) / len(asked))
        plain = known.make(0, step)
        assert len(plain.texts.noisy) == 0
        before = dict(zip(plain.queries.query.tolist(), plain.queries.known.tolist(), strict=True))
        others = np.setdiff1d(np.arange(len(batch.queries.query)), batch.texts.noisy)
        assert all(
            before.get(query, now) == now for query, now in zip(batch.queries.query[others], batch.queries.known[others], strict=True)
        )
    assert np.mean(share) == pytest.approx(0.4, abs=0.1)


def test_augmented_steps_are_the_same_whatever_was_made_before(augmented, tiny_graph):
    batches, source = augmented
    assert_equal(source.make(0, 3), batches[3])
    assert batches[3].texts.texts != source.make(1, 3).texts.texts


def test_held_out_queries_have_no_example(tiny_graph):
    whole = BatchSampler(tiny_graph, config())
    assert not whole.held_out.any()
    source = BatchSampler(tiny_graph, config(augmentation={**AUGMENTED, "held_out_queries": 0.4}))
    assert source.held_out.any()
    assert source.held_out[whole.examples.query].any()
    assert not source.held_out[source.examples.query].any()
    assert len(source.examples.query) == (~source.held_out[whole.examples.query]).sum()


def test_held_out_queries_are_a_share_of_all_and_the_same_for_the_seed(make_graph):
    rows = [(f"p{n}", f"title {n}", None, ["a"]) for n in range(6)]
    events = [("u", f"query {n}", f"p{n % 6}", day, "purchase", f"s{n}d{day}", "x") for n in range(500) for day in (2, 12, 22)]
    graph = make_graph(rows, events)
    held = queries_held_out(graph, 0.2, 3)
    assert held.mean() == pytest.approx(0.2, abs=0.06)
    assert np.array_equal(held, queries_held_out(graph, 0.2, 3))
    assert not np.array_equal(held, queries_held_out(graph, 0.2, 4))
    # A greater share holds out these and more.
    assert (held & ~queries_held_out(graph, 0.4, 3)).sum() == 0
    assert not queries_held_out(graph, 0, 3).any()


def test_nothing_is_held_out_where_the_validation_period_has_as_many_new_queries(make_graph):
    rows = [(f"p{n}", f"title {n}", None, ["a"]) for n in range(6)]
    # From day 10 on, which is validation, every second query is new.
    queries = [f"query {n}" if n % 30 >= 10 and n % 2 else f"query {n % 5}" for n in range(120)]
    events = [(f"u{n % 4}", query, f"p{n % 6}", n % 30, "purchase", f"s{n}", "x") for n, query in enumerate(queries)]
    graph = make_graph(rows, events)
    product = {"queries": 2, "bought_with": 0, "brand": True}
    assert not BatchSampler(graph, config(product=product, augmentation={**AUGMENTED, "held_out_queries": 0.45})).held_out.any()
    usual = make_graph(rows, [(user, query, product, day, *rest) for user, query, product, day, *rest in events if len(query) == 7])
    assert BatchSampler(usual, config(product=product, augmentation={**AUGMENTED, "held_out_queries": 0.45})).held_out.any()


def test_a_small_log_is_passed_over_until_there_are_steps_enough(tiny_graph):
    def steps(**loop):
        source = BatchSampler(tiny_graph, config(loop={"batch_size": 16, "window_days": WINDOW_DAYS, **loop}))
        return source.total_steps, source.steps_per_epoch

    total, epoch = steps(least_steps=10_000)
    assert total == 10_000
    assert steps(epochs=3, least_steps=1) == (3 * epoch, epoch)
    assert steps(epochs=2, least_steps=2 * epoch + 1)[0] == 2 * epoch + 1
    assert steps()[0] == max(600, epoch)
