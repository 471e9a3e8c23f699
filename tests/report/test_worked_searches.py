"""Worked searches: the lists that the channels give, spread over the period, each product with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from models import write_model

from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.graph.cases import build_cases
from gnn_search.report.worked_searches import NEAR, work_searches
from gnn_search.retrieval.rankers.build import best_case_ranker
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


def test_lists_are_those_of_the_rankers(model):
    best, cases, graph = best_case_ranker(model, open_node_embeddings(model)), build_cases(model.graph), model.graph
    popularity = build_baselines(graph, cases.time, ("query_popularity",))[0]
    found = work_searches(model, best, cases, popularity, count=6, k=4)
    assert len(found) == 6
    users, queries = graph.nodes("user").to_series(0).to_list(), graph.nodes("query")["query"].to_list()
    ids = graph.nodes("product").to_series(0)
    for one in found:
        user, query = np.array([users.index(one.user_id)], np.int32), np.array([queries.index(one.query)], np.int32)
        nobody = np.array([-1], np.int32)
        personal, plain, other, words = (shown.hits for shown in one.lists)
        for hits, who in ((personal, user), (plain, nobody)):
            assert [hit.product_id for hit in hits] == ids.gather(best.rank(who, query, 4).product[0]).to_list()
        popular = [product for product in popularity.rank(user, query, 4).product[0].tolist() if product >= 0]
        assert [hit.product_id for hit in other] == ids.gather(popular).to_list()
        lexical = [product for product in Bm25(graph).rank(nobody, query, 4).product[0].tolist() if product >= 0]
        assert [hit.product_id for hit in words] == ids.gather(lexical).to_list()
        assert [shown.name for shown in one.lists][2:] == ["query_popularity, for this user", "bm25"]
        titles = {hit.title for shown in one.lists for hit in shown.hits if hit.relevant}
        assert titles <= set(one.relevant)


def test_cases_are_spread_and_of_known_users(model):
    best, cases = best_case_ranker(model, open_node_embeddings(model)), build_cases(model.graph)
    known = np.flatnonzero(cases.user >= 0)
    queries, users = model.graph.nodes("query")["query"], model.graph.nodes("user").to_series(0)
    found = work_searches(model, best, cases, count=2, k=1)
    assert [(one.query, one.user_id) for one in found] == [
        (queries[int(cases.query[place])], users[int(cases.user[place])]) for place in (known[0], known[-1])
    ]
    assert len(work_searches(model, best, cases, count=1000, k=1)) == len(known)


def test_reasons_tell_what_the_graph_holds(model):
    graph, view = model.graph, model.graph.before(model.graph.manifest.test_start)
    found = work_searches(model, best_case_ranker(model, open_node_embeddings(model)), build_cases(graph), count=20, k=5)
    led = view.edges(("product", "rev_leads_to", "query"))
    queries, ids = graph.nodes("query")["query"].to_list(), graph.nodes("product").to_series(0).to_list()
    reasons = set()
    for one in found:
        query = queries.index(one.query)
        products = led.csr.index[led.starts[query] : led.ends[query]]
        for hit in (*one.lists[0].hits, *one.lists[1].hits):
            times = int((products == ids.index(hit.product_id)).sum())
            assert hit.reason
            reasons.add(hit.reason)
            if "users of this query interacted with it" in hit.reason:
                assert f"users of this query interacted with it {'once' if times == 1 else f'{times} times'}" in hit.reason
            elif "the user interacted with" not in hit.reason.partition(";")[0]:
                assert times == 0
        assert all(hit.reason.startswith("BM25 ") for hit in one.lists[2].hits)
        assert all("the user" not in hit.reason for hit in one.lists[1].hits)
    assert any(reason.startswith("the user interacted with it ") for reason in reasons)
    assert len(reasons) > 3


def test_a_model_without_a_reranker_knows_vectors_alone(tiny_graph, tmp_path):
    model = open_model(write_model(tiny_graph, tmp_path / "model", reranker=False))
    found = work_searches(model, best_case_ranker(model, open_node_embeddings(model)), build_cases(tiny_graph), count=3, k=2)
    assert {hit.reason for one in found for hit in (*one.lists[0].hits, *one.lists[1].hits)} == {NEAR}
