"""Explanations against the lists that searches find, and the answer where something is unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import write_model

from gnn_search.errors import RequestError
from gnn_search.explanation.explain import Explainer
from gnn_search.graph.store import to_time
from gnn_search.rerank.candidates import partner_relations
from gnn_search.rerank.features import feature_names
from gnn_search.retrieval.options import RankingOptions
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import open_model

CASES = [("bread 0", 3, "P000"), ("bread 0", None, "P008"), ("tea 1", 7, "P013"), ("bread of old", 3, "P001"), ("€€€", None, "P002")]


@pytest.fixture(scope="module")
def model(tiny_graph, tmp_path_factory):
    """A model of which few products are near by vector, so that some are described by nothing."""
    opened = open_model(write_model(tiny_graph, tmp_path_factory.mktemp("explained") / "model"))
    reranker = opened.config.reranker.model_copy(update={"nearest": 3, "products": 3})
    return replace(opened, config=opened.config.model_copy(update={"reranker": reranker}))


@pytest.fixture(scope="module")
def explainer(model) -> Explainer:
    return Explainer(model)


@pytest.fixture(scope="module")
def lists(model):
    towers = {channel: Retriever(model, RankingOptions(channel)) for channel in ("reranked", "vector", "graph")}

    def ranked(channel: str, query: str, user: int | None) -> dict[str, tuple[int, float]]:
        return {hit.product_id: (hit.rank, hit.score) for hit in towers[channel].search(query, user, k=40).hits}

    return ranked


@pytest.mark.parametrize(("query", "user", "product"), CASES)
def test_ranks_and_scores_are_those_of_a_search(explainer, lists, query, user, product):
    found = explainer.explain(query, product, user)
    reranked, graph = lists("reranked", query, user), lists("graph", query, user)
    assert (found.ranks.reranked.rank, found.ranks.reranked.score) == reranked[product]
    assert (found.ranks.vector.rank, found.ranks.vector.score) == lists("vector", query, user)[product]
    assert (found.ranks.graph.rank, found.ranks.graph.of) == (graph.get(product, (None,))[0], len(graph))
    assert (found.ranks.plain and found.ranks.plain.rank) == (None if user is None else lists("reranked", query, None)[product][0])
    assert np.float32(found.score.score) == np.float32(found.ranks.reranked.score)


def test_every_score_is_the_sum_of_its_parts(model):
    explainer = Explainer(model, background=4)
    kinds = set()
    products = model.graph.nodes("product")["product_id"]
    for query, user, product in [(*CASES[(place + turn) % len(CASES)][:2], one) for place, one in enumerate(products) for turn in (0, 2)]:
        found = explainer.explain(query, product, user)
        kinds.add(None if found.reranker is None else found.reranker.from_graph)
        assert found.score.vector + found.score.reranker == pytest.approx(found.score.score, abs=1e-9)
        # To the last bit of a list's float32.
        assert np.float32(found.score.score) == found.ranks.reranked.score
        assert found.score.cosine == pytest.approx(found.ranks.vector.score, abs=1e-6)
        for parts in (found.cosine.request, found.cosine.product):
            assert sum(part.cosine for part in parts) == pytest.approx(found.score.cosine, abs=1e-5)
        if found.reranker is not None:
            assert found.reranker.mean + sum(group.score for group in found.reranker.groups) == pytest.approx(
                found.score.reranker, abs=1e-9
            )
            sizes = [abs(group.score) for group in found.reranker.groups]
            assert sizes == sorted(sizes, reverse=True)
    # Candidates from the graph, only near by vector, and neither.
    assert kinds == {True, False, None}


def test_what_all_described_products_share_adds_nothing(explainer):
    found = explainer.explain("bread 0", "P000", 3)
    general = next(group for group in found.reranker.groups if group.name == "the user and the query in general")
    assert general.score == pytest.approx(0, abs=1e-9)
    assert all(number.value == pytest.approx(number.mean) for number in general.features)


def test_a_reranker_that_counts_interactions_gives_all_to_them(explainer, model):
    """Twice the logarithm of the times chosen, and nothing else."""
    name, changed = "own product: times", open_model(model.path)
    column = feature_names(changed.config.reranker, partner_relations(changed.graph)).index(name)
    for parameter in changed.reranker.parameters():
        parameter.data.zero_()
    changed.reranker.beside.linear.weight.data[0, column] = 2.0 * changed.reranker.deviation[column]
    found = Explainer(changed).explain("bread 0", "P000", 3)
    scores = {group.name: group.score for group in found.reranker.groups}
    times = next(number for group in found.reranker.groups for number in group.features if number.name == name)
    assert scores.pop("the user's history with the product") == pytest.approx(2 * (times.value - times.mean), abs=1e-6) != 0
    assert max(map(abs, scores.values())) == pytest.approx(0, abs=1e-9)


def test_without_a_reranker_the_score_is_the_cosine(tiny_graph, tmp_path):
    found = Explainer(open_model(write_model(tiny_graph, tmp_path / "model", reranker=False))).explain("bread 0", "P000", 3)
    assert (found.reranker, found.ranks.graph, found.score.reranker) == (None, None, 0)
    assert found.ranks.reranked == found.ranks.vector
    assert found.score.score == found.score.cosine == found.ranks.vector.score


def test_a_new_query(explainer):
    found = explainer.explain("bread of old", "P000", 3)
    assert not found.query_known
    assert found.from_query == ()
    assert found.notes[0].startswith("this query had no interactions before, so its text and known queries like it say what is wanted")
    assert explainer.explain("breads 0", "P000").notes[0].endswith("; it is read as: bread 0, bread 1, bread 2")
    assert {part.name for part in found.cosine.request if "query" in part.name} <= {"query text", "history in the query's categories"}
    assert found.attention.history_query != "bread of old"


def test_a_query_of_unknown_words_and_nobody(explainer):
    found = explainer.explain("€€€", "P000")
    assert found.notes == ("no word of this query is known to the log or the catalogue",)
    assert found.score.cosine == 0
    assert (found.attention, found.from_user, found.from_query) == (None, (), ())
    assert found.ranks.plain is None


def test_a_user_of_whom_nothing_is_known_yet(model):
    """Before the first event nobody is known by choices; the attributes of those whom the users table lists are no secret."""
    early = Explainer(model, model.graph.manifest.time_first)
    unlisted = model.graph.num_nodes["user"] - 1
    found = early.explain("bread 0", "P000", model.graph.nodes("user")["user_id"][unlisted])
    assert found.notes[-1].startswith("nothing that counts here was known of user")
    assert found.ranks.plain == found.ranks.reranked
    assert (found.from_user, found.attention.products) == ((), ())


@pytest.mark.parametrize(
    ("query", "product", "user", "message"),
    [
        (" ", "P000", None, "is blank; give at least one word"),
        ("bread 0", "P999", None, "there is no product 'P999' in the graph .*; there are 40, such as"),
        ("bread 0", "P000", 77, "there is no user '77' in the graph"),
    ],
)
def test_what_is_not_there(explainer, query, product, user, message):
    with pytest.raises(RequestError, match=message):
        explainer.explain(query, product, user)


def test_what_is_known_as_of_a_time_counts(model):
    moments = [model.graph.manifest.validation_start, model.graph.manifest.test_start]
    found = [Explainer(model, moment).explain("bread 0", "P000", 3) for moment in moments]
    for one, moment in zip(found, moments, strict=True):
        assert to_time(one.as_of) == moment
        assert one.attention.products
        assert all(to_time(product.last_interacted) < moment for product in one.attention.products)
    assert found[0] != found[1]
    assert np.isfinite(found[0].score.score)
