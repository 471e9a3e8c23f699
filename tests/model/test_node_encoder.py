"""Encoding every node: by blocks or at once, from what was known and nothing else."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
import torch
from shops import START, build, write_tiny_shop
from towers import random_towers, tiny_config

from gnn_search.graph.store import Graph, to_time
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.inputs import InputSampler

QUERIES = np.arange(20, dtype=np.int32)


def encoder_of(graph: Graph, time: int, **limits) -> NodeEncoder:
    config = tiny_config()
    return NodeEncoder(random_towers(graph, config), InputSampler(graph, config), graph.before(time), **limits)


def everything(encoder: NodeEncoder) -> dict[str, torch.Tensor]:
    """Return the vectors of products, queries, requests, users and categories."""
    users = np.resize(np.arange(-1, encoder.view.graph.num_nodes["user"], dtype=np.int32), 50)
    return {
        "product": encoder.products,
        "query": encoder.encode_queries(QUERIES),
        "request": encoder.encode_requests(users, np.resize(QUERIES, 50)),
        "user": encoder.encode_users(),
        "category": encoder.encode_categories(),
    }


def test_blocks_and_all_at_once_are_the_same(tiny_graph):
    whole = everything(encoder_of(tiny_graph, tiny_graph.manifest.test_start))
    for name, vectors in everything(encoder_of(tiny_graph, tiny_graph.manifest.test_start, block=7)).items():
        torch.testing.assert_close(vectors, whole[name], rtol=0, atol=1e-6)


def test_vectors_are_as_many_as_nodes_and_of_unit_length(tiny_graph):
    found = everything(encoder_of(tiny_graph, tiny_graph.manifest.test_start))
    for name, vectors in found.items():
        assert vectors.shape == (50 if name == "request" else tiny_graph.num_nodes[name], 16)
        assert vectors.dtype == torch.float32
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))


@pytest.fixture(scope="module")
def pasts(tmp_path_factory) -> dict[int, tuple[Graph, Graph]]:
    """By moment: two graphs that differ only in what was chosen from that moment on."""
    folder = tmp_path_factory.mktemp("pasts")
    shop = write_tiny_shop(folder / "shop")
    table = shop.parent / "events.parquet"
    events = pl.read_parquet(table)
    first = build(shop, folder / "first")
    found = {}
    for day in (25, 44, 52):
        moment = START + timedelta(days=day)
        later = pl.col("timestamp") >= moment
        turned = pl.col("product_id").reverse()
        changed = pl.concat(
            [events.filter(~later), events.filter(later).with_columns(product_id=turned, action=pl.col("action").reverse())]
        )
        changed.write_parquet(table)
        found[to_time(moment)] = (first, build(shop, folder / f"day-{day}"))
    return found


@pytest.mark.parametrize("day", [25, 44, 52])
def test_nothing_at_or_after_the_moment_counts(pasts, day):
    moment = to_time(START + timedelta(days=day))
    first, second = pasts[moment]
    assert first.manifest.hash != second.manifest.hash
    one, other = everything(encoder_of(first, moment)), everything(encoder_of(second, moment))
    for name, vectors in one.items():
        assert torch.equal(vectors, other[name]), name
    one, other = everything(encoder_of(first, first.manifest.time_last + 1)), everything(encoder_of(second, first.manifest.time_last + 1))
    for name in ("product", "query", "request", "user"):
        assert not torch.equal(one[name], other[name]), name


def test_more_is_known_later(tiny_graph):
    early, late = (
        everything(encoder_of(tiny_graph, moment)) for moment in (tiny_graph.manifest.validation_start, tiny_graph.manifest.test_start)
    )
    for name in ("product", "query", "request", "user"):
        assert not torch.equal(early[name], late[name]), name
    assert torch.equal(early["category"], late["category"])


def half_known(graph: Graph, relation: tuple[str, str, str]) -> tuple[int, np.ndarray]:
    """Return a moment at which some nodes are known and some not, and which are."""
    for day in range(1, 20):
        moment = to_time(START + timedelta(days=day))
        known = graph.before(moment).edges(relation).degree() > 0
        if 0.3 < known.mean() < 0.8:
            return moment, known
    raise AssertionError("no such moment")


def test_the_free_vector_of_a_product_counts_once_somebody_chose_it(tiny_graph):
    moment, known = half_known(tiny_graph, ("query", "leads_to", "product"))
    encoder = encoder_of(tiny_graph, moment)
    # Alone, without partners, whose bases hold their own ID embeddings.
    encoder.towers.product.from_partners = None
    before = encoder.encode_products()[1]
    with torch.no_grad():
        encoder.towers.product.id_embedding.weight.add_(torch.randn(40, 16))
    changed = (encoder.encode_products()[1] != before).any(dim=1).numpy()
    np.testing.assert_array_equal(changed, known)


def test_the_free_vector_of_a_product_first_chosen_after_training_does_not_count(tmp_path):
    """Nothing was learned about it: training ended before anybody chose the product."""
    tiny_graph = build(write_tiny_shop(tmp_path / "shop", events=80), tmp_path / "graph")
    relation = ("query", "leads_to", "product")
    trained = tiny_graph.before(tiny_graph.manifest.validation_start).edges(relation).degree() > 0
    encoder = encoder_of(tiny_graph, tiny_graph.manifest.time_last + 1)
    assert (encoder.view.edges(relation).degree() > 0)[~trained].any()
    encoder.towers.product.from_partners = None
    before = encoder.encode_products()[1]
    with torch.no_grad():
        encoder.towers.product.id_embedding.weight.add_(torch.randn(40, 16))
    changed = (encoder.encode_products()[1] != before).any(dim=1).numpy()
    np.testing.assert_array_equal(changed, trained)


@pytest.mark.parametrize("layer", [True, False])
def test_the_free_vector_of_a_query_counts_once_somebody_asked_it(tiny_graph, layer):
    moment, known = half_known(tiny_graph, ("product", "rev_leads_to", "query"))
    config = tiny_config(query={"products": 4 if layer else 0})
    encoder = NodeEncoder(random_towers(tiny_graph, config), InputSampler(tiny_graph, config), tiny_graph.before(moment))
    before = encoder.encode_queries(QUERIES)
    with torch.no_grad():
        encoder.towers.query.id_embedding.weight.add_(torch.randn(20, 16))
    changed = (encoder.encode_queries(QUERIES) != before).any(dim=1).numpy()
    np.testing.assert_array_equal(changed, known)


def test_a_query_that_nobody_asked_is_its_text(tiny_graph):
    moment, known = half_known(tiny_graph, ("product", "rev_leads_to", "query"))
    encoder = encoder_of(tiny_graph, moment)
    vectors = encoder.encode_queries(QUERIES)
    texts = encoder.encode_texts(tiny_graph.nodes("query")["query"].to_list())
    torch.testing.assert_close(vectors[~known], texts[~known])
    assert (vectors[known] - texts[known]).abs().sum(dim=1).min() > 1e-3


def test_a_text_without_a_known_token_is_zero(tiny_graph):
    vectors = encoder_of(tiny_graph, 0).encode_texts(["🍞", "bread 0"])
    assert not vectors[0].any()
    assert vectors[1].norm().item() == pytest.approx(1)


def test_users_of_whom_nothing_is_known_are_zero(tiny_graph):
    encoder = encoder_of(tiny_graph, tiny_graph.manifest.time_first)
    lengths = dict(zip(tiny_graph.nodes("user")["user_id"], encoder.encode_users().norm(dim=1).tolist(), strict=True))
    assert [lengths[14], lengths[15]] == [0, 0]
    assert all(lengths[user] == pytest.approx(1) for user in range(1, 14))


def test_a_request_is_its_query_moved_towards_its_user(tiny_graph):
    encoder = encoder_of(tiny_graph, tiny_graph.manifest.test_start)
    users, queries = np.array([4, 4, 9], dtype=np.int32), np.array([7, 2, 7], dtype=np.int32)
    expected = encoder.personalise(encoder.encode_queries(queries), users, queries)
    torch.testing.assert_close(encoder.encode_requests(users, queries), expected)
    assert encoder.encode_requests(users[:0], queries[:0]).shape == (0, 16)


def test_a_query_that_led_nowhere_calls_up_the_history_of_the_nearest(tiny_graph):
    moment, known = half_known(tiny_graph, ("product", "rev_leads_to", "query"))
    encoder = encoder_of(tiny_graph, moment)
    new = np.flatnonzero(~known).astype(np.int32)
    assert encoder.has_history_categories[QUERIES].tolist() == known.tolist()
    assert not encoder.has_history_categories[-1]
    texts = encoder.encode_texts(tiny_graph.nodes("query")["query"].to_list())
    scores = texts[torch.from_numpy(new)] @ texts[torch.from_numpy(known)].T
    nearest = np.flatnonzero(known)[scores.argmax(dim=1).numpy()]
    assert encoder.nearest_query(texts[torch.from_numpy(new)]).tolist() == nearest.tolist()
    new, nearest = np.repeat(new, 15), np.repeat(nearest, 15)
    user = np.resize(np.arange(15, dtype=np.int32), len(new))
    expected = encoder.personalise(encoder.encode_queries(new), user, nearest.astype(np.int32))
    torch.testing.assert_close(encoder.encode_requests(user, new), expected)
    assert not torch.allclose(encoder.encode_requests(user, new), encoder.personalise(encoder.encode_queries(new), user, new), atol=1e-3)


@pytest.mark.parametrize("scores", [1, 40, 1 << 24])
def test_the_nearest_query_is_the_same_in_any_blocks(tiny_graph, scores):
    encoder = encoder_of(tiny_graph, tiny_graph.manifest.test_start, most_scores=scores)
    texts = encoder.encode_texts(tiny_graph.nodes("query")["query"].to_list())
    assert encoder.nearest_query(texts).tolist() == list(range(20))
    assert encoder.nearest_query(torch.zeros(2, 16)).tolist() == [-1, -1]
    assert encoder.nearest_query(texts[:0]).tolist() == []


def test_a_request_as_if_its_query_were_new(tiny_graph):
    encoder = encoder_of(tiny_graph, tiny_graph.manifest.test_start)
    users, queries = np.array([4, 4, 9, -1], dtype=np.int32), np.array([7, 2, 7, 2], dtype=np.int32)
    texts = encoder.encode_query_texts(queries)
    vectors, history_query, lenders = encoder.encode_borrowing(users, queries, cold=True)
    assert history_query.tolist() == lenders.best()[0].tolist()
    assert not (lenders.query == queries[lenders.row]).any()
    assert (np.diff(lenders.indptr) > 0).all()
    categories = encoder.categories.merge(history_query, lenders)
    expected = encoder.personalise(texts, users, np.arange(4, dtype=np.int32), categories=categories)
    torch.testing.assert_close(vectors, expected)
    torch.testing.assert_close(vectors[3], texts[3])
    assert encoder.encode_borrowing(users[:0], queries[:0], cold=True)[0].shape == (0, 16)


def test_a_request_of_a_known_query_borrows_nothing(tiny_graph):
    moment, known = half_known(tiny_graph, ("product", "rev_leads_to", "query"))
    encoder = encoder_of(tiny_graph, moment)
    assert encoder.borrows.tolist() == [*~known, True]
    users = np.resize(np.arange(15, dtype=np.int32), 20)
    vectors, history_query, lenders = encoder.encode_borrowing(users, QUERIES)
    assert history_query[known].tolist() == QUERIES[known].tolist()
    assert not np.diff(lenders.indptr)[known].any()
    assert np.diff(lenders.indptr)[~known].all()
    assert known[lenders.query].all()
    torch.testing.assert_close(vectors[known], encoder.encode_requests(users[known], QUERIES[known]))


def test_where_nothing_was_chosen_yet_no_query_is_near(tiny_graph):
    encoder = encoder_of(tiny_graph, tiny_graph.manifest.time_first)
    assert encoder.nearest_query(torch.ones(2, 16)).tolist() == [-1, -1]


def test_encoding_leaves_no_gradients(tiny_graph):
    encoder = encoder_of(tiny_graph, tiny_graph.manifest.test_start)
    assert not any(vectors.requires_grad for vectors in everything(encoder).values())


def test_a_user_long_gone_is_still_known_by_what_came_last(tiny_graph):
    """Recency orders a user's choices; it does not make all of them vanish."""
    soon, late = (encoder_of(tiny_graph, tiny_graph.manifest.time_last + 1 + years * 365 * 86_400_000_000) for years in (0, 100))
    torch.testing.assert_close(late.encode_users(), soon.encode_users(), rtol=0, atol=3e-4)
