"""What methods keep of perturbed queries, against a plain and slow computation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.evaluation.robustness.perturbations import PERTURBATIONS
from gnn_search.evaluation.robustness.perturbed import measure_perturbed, sample_perturbed
from gnn_search.graph.cases import build_cases
from gnn_search.retrieval.rankers.build import model_case_rankers
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


@pytest.fixture(scope="module")
def cases(tiny_graph):
    return build_cases(tiny_graph)


@pytest.fixture(scope="module")
def rankers(tiny_model, tiny_graph, cases):
    model = open_model(tiny_model, tiny_graph.path)
    found = model_case_rankers(model, open_node_embeddings(model, cases.time))
    return [*found, *build_baselines(tiny_graph, cases.time, ("popularity", "bm25", "query_popularity_then_bm25"))]


@pytest.fixture(scope="module")
def measured(cases, tiny_graph, rankers):
    found = measure_perturbed(cases, tiny_graph, rankers, 500, 50, 0)
    assert found is not None
    return found


def test_methods_that_answer_any_text_are_there(measured):
    result, _ = measured
    assert result.methods() == ["gnn-search", "gnn-search, vectors", "bm25", "query_popularity_then_bm25"]


def test_every_distinct_query_is_counted(cases, tiny_graph, measured):
    result, table = measured
    assert result.queries == len(set(cases.query.tolist()))
    assert [kind.kind for kind in result.kinds] == list(PERTURBATIONS)
    for kind in result.kinds:
        assert kind.unchanged + kind.in_log + kind.changed == result.queries
        assert kind.sampled == kind.changed
        assert table.filter(pl.col("kind") == kind.kind, pl.col("method") == "bm25").height == kind.sampled
    # 'tea 0' has no word of four letters, and 'bread 0' in another order is '0 bread'.
    short = [text for text in set(table["query"]) if text.startswith("tea ")]
    assert short
    assert table.filter(pl.col("kind") == "letter left out", pl.col("query").is_in(short)).height == 0
    assert not set(table["text"]) & set(tiny_graph.nodes("query")["query"].to_list())


def test_the_figures_are_those_of_a_plain_computation(cases, tiny_graph, rankers, measured):
    result, table = measured
    events = pl.concat(tiny_graph.examples(split) for split in ("train", "validation")).filter(
        pl.col("action").is_in(tiny_graph.positive_actions)
    )
    category = tiny_graph.nodes("product")["category"].to_list()
    by_name = {ranker.name: ranker for ranker in rankers}

    def own_categories(query):
        known = events.filter(pl.col("query") == query)["product"].to_list()
        mine = [product for case in range(len(cases)) if cases.query[case] == query for product in relevant(case)]
        return {category[product] for product in known + mine}

    def relevant(case):
        return cases.product[cases.indptr[case] : cases.indptr[case + 1]].tolist()

    compared = 0
    for method in ("gnn-search", "bm25"):
        for kind in PERTURBATIONS:
            rows = table.filter(pl.col("method") == method, pl.col("kind") == kind)
            values = []
            for row in rows.iter_rows(named=True):
                case = row["case"]
                who = cases.user[case : case + 1]
                before = by_name[method].rank(who, cases.query[case : case + 1], 10).product[0].tolist()
                after = by_name[method].rank_texts(who, pl.Series([row["text"]]), 10).product[0].tolist()
                wanted, inside = relevant(case), own_categories(cases.query[case])
                values.append(
                    [
                        *(sum(product in found for product in wanted) / len(wanted) for found in (before, after)),
                        *(float(not any(product >= 0 and category[product] in inside for product in found)) for found in (before, after)),
                    ]
                )
            recall, after, none, none_after = np.mean(values, axis=0)
            score = result.score(method, kind)
            assert score is not None
            assert score.cases == len(values)
            assert score.recall.mean == pytest.approx(recall)
            assert score.perturbed_recall.mean == pytest.approx(after)
            assert score.kept is not None
            assert score.kept.mean == pytest.approx(after / recall)
            assert (score.none.mean, score.perturbed_none.mean) == pytest.approx((none, none_after))
            assert score.recall.low <= score.recall.mean <= score.recall.high
            compared += len(values)
    assert compared > 50
    assert len({score.perturbed_recall.mean for score in result.scores}) > 5


def test_the_users_of_the_cases_stay(cases, tiny_graph, measured):
    _, table = measured
    users, queries = tiny_graph.nodes("user")["user_id"].to_list(), tiny_graph.nodes("query")["query"].to_list()
    for row in table.iter_rows(named=True):
        user = cases.user[row["case"]]
        assert row["user_id"] == (users[user] if user >= 0 else None)
        assert row["query"] == queries[cases.query[row["case"]]]
    assert table["user_id"].n_unique() > 2


def test_a_sample_is_a_part_of_all_and_the_same_each_time(cases, tiny_graph):
    whole, part = (sample_perturbed(cases, tiny_graph, limit, 1) for limit in (500, 4))
    again, other = sample_perturbed(cases, tiny_graph, 4, 1), sample_perturbed(cases, tiny_graph, 4, 2)
    assert [kind.sampled for kind in part.kinds] == [min(4, kind.changed) for kind in whole.kinds]
    assert part.case.tolist() == again.case.tolist()
    assert part.text.to_list() == again.text.to_list()
    assert part.text.to_list() != other.text.to_list()
    assert set(zip(part.kind.tolist(), part.case.tolist(), part.text.to_list(), strict=True)) <= set(
        zip(whole.kind.tolist(), whole.case.tolist(), whole.text.to_list(), strict=True)
    )


def test_nothing_to_measure(cases, tiny_graph, rankers):
    popularity = [ranker for ranker in rankers if ranker.name == "popularity"]
    assert measure_perturbed(cases, tiny_graph, popularity, 5, 10, 0) is None
