"""The metrics of relevance: by hand, against trec_eval (`ir-measures`) and PyG, and how they behave on any lists."""

from __future__ import annotations

from math import log2

import ir_measures
import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG
from torch_geometric.metrics import LinkPredHitRatio, LinkPredMRR, LinkPredNDCG, LinkPredPrecision, LinkPredRecall

from gnn_search.evaluation.evaluator import Evaluator
from gnn_search.evaluation.metrics.hits import BLOCK_ROWS, Hits, find_places
from gnn_search.evaluation.metrics.measure import GRADED, Measure, measures
from gnn_search.evaluation.qrels import Qrels
from gnn_search.evaluation.run import Run
from gnn_search.graph.cases import Cases


def cases_of(relevant):
    """Return anonymous cases with these relevant products."""
    sizes = [len(products) for products in relevant]
    return Cases(
        user=np.full(len(relevant), -1, dtype=np.int32),
        query=np.zeros(len(relevant), dtype=np.int32),
        indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        product=np.array([product for products in relevant for product in sorted(products)], dtype=np.int32),
        labels=pl.DataFrame(),
        repeat=np.zeros(sum(sizes), dtype=np.bool_),
        time=0,
    )


def hits_of(lists, relevant, block_rows=BLOCK_ROWS) -> tuple[Hits, Cases]:
    cases = cases_of(relevant)
    product = np.array(lists, dtype=np.int32)
    # Cases come in any order, as rankers are asked query by query.
    order = np.random.default_rng(0).permutation(len(cases))
    row, place = find_places(product[order], order, cases, block_rows)
    places = np.zeros(len(cases.product), dtype=np.int32)
    places[row] = place
    return Hits.from_places(places, cases.case_of_row(), len(cases)), cases


def score(lists, relevant, k, grade=None):
    """Return {measure: [value of each list]}; grades are of the relevant products in ascending order."""
    hits, cases = hits_of(lists, relevant)
    grades = None if grade is None else np.array([value for of_case in grade for value in of_case], dtype=np.float64)
    qrels = Qrels(cases.case_of_row(), len(cases), grade=grades)
    wanted = [measure for measure in measures(k, graded=grade is not None) if not measure.of_list_alone]
    scored = Evaluator(qrels, None, wanted).score_run(Run(hits, {}))
    return {str(measure): row for measure, row in zip(wanted, scored.values, strict=True)}


def random_case(random):
    """Return a list, the chosen products and their grades; lists are empty, short or long, and grades are tied."""
    listed = random.permutation(40)[: random.choice([0, 1, 3, 10, 25])]
    relevant = np.sort(random.permutation(45)[: random.integers(1, 15)])
    return listed.tolist(), relevant.tolist(), random.integers(1, 4, len(relevant)).tolist()


def padded(lists):
    width = max(1, *map(len, lists))
    return [row + [-1] * (width - len(row)) for row in lists]


def test_metrics_by_hand():
    lists = [[7, 3, 9, 1], [5, 6, 8, 2], [4, 0, 1, 2]]
    found = score(lists, [[3, 1], [9], [4, 0, 2]], [2, 4])
    assert found["recall@2"] == pytest.approx([1 / 2, 0, 2 / 3])
    assert found["recall@4"] == pytest.approx([1, 0, 1])
    assert found["precision@4"] == pytest.approx([2 / 4, 0, 3 / 4])
    assert found["hit_rate@2"].tolist() == [1, 0, 1]
    assert found["mrr@2"] == pytest.approx([1 / 2, 0, 1])
    assert found["mrr@4"] == pytest.approx([1 / 2, 0, 1])
    assert found["map@2"] == pytest.approx([(1 / 2) / 2, 0, (1 + 1) / 3])
    assert found["map@4"] == pytest.approx([(1 / 2 + 2 / 4) / 2, 0, (1 + 1 + 3 / 4) / 3])
    ideal_2, ideal_3 = 1 + 1 / log2(3), 1 + 1 / log2(3) + 1 / 2
    assert found["ndcg@2"] == pytest.approx([1 / log2(3) / ideal_2, 0, 1])
    assert found["ndcg@4"] == pytest.approx([(1 / log2(3) + 1 / log2(5)) / ideal_2, 0, (ideal_2 + 1 / log2(5)) / ideal_3])


def test_graded_ndcg_by_hand():
    """Grades 3 and 1; the list begins with the one of grade 1."""
    found = score([[5, 2]], [[2, 5]], [2], grade=[[3, 1]])
    assert found["ndcg:graded@2"] == pytest.approx([(1 + 3 / log2(3)) / (3 + 1 / log2(3))])
    assert found["ndcg@2"] == pytest.approx([1])


def test_a_thousand_random_cases_equal_trec_eval():
    random = np.random.default_rng(11)
    drawn = [random_case(random) for _ in range(1000)]
    lists, relevant, grades = ([one[i] for one in drawn] for i in range(3))
    k = (1, 5, 10, 20)
    found = score(padded(lists), relevant, k, grades)
    binary = {"recall": R, "precision": P, "ndcg": nDCG, "map": AP, "hit_rate": Success, "mrr": RR}
    wanted = {metric @ cut: f"{name}@{cut}" for name, metric in binary.items() for cut in k if name != "mrr"}
    compared = 0
    # Scores fall along the list, so that nothing is left to the order of ties.
    run = [ir_measures.ScoredDoc(f"{i:04}", str(product), -place) for i, row in enumerate(lists) for place, product in enumerate(row)]
    chosen = [ir_measures.Qrel(f"{i:04}", str(product), 1) for i, row in enumerate(relevant) for product in row]
    graded = [
        ir_measures.Qrel(f"{i:04}", str(product), grade)
        for i, (row, of_row) in enumerate(zip(relevant, grades, strict=True))
        for product, grade in zip(row, of_row, strict=True)
    ]
    for metric in ir_measures.iter_calc(list(wanted), chosen, run):
        assert found[wanted[metric.measure]][int(metric.query_id)] == pytest.approx(metric.value, abs=1e-9), metric
        compared += 1
    for metric in ir_measures.iter_calc([nDCG @ cut for cut in k], graded, run):
        assert found[f"{GRADED}@{metric.measure['cutoff']}"][int(metric.query_id)] == pytest.approx(metric.value, abs=1e-9), metric
        compared += 1
    for cut in k:
        short = [doc for doc in run if -doc.score < cut]
        for metric in ir_measures.iter_calc([RR], chosen, short):
            assert found[f"mrr@{cut}"][int(metric.query_id)] == pytest.approx(metric.value, abs=1e-9), metric
            compared += 1
    # Trec_eval says nothing of cases without a list, or says 0.
    assert compared > 0.8 * (len(wanted) + 2 * len(k)) * 1000
    empty = [i for i, row in enumerate(lists) if not row]
    assert len(empty) > 100
    assert all((values[empty] == 0).all() for values in found.values())


def test_products_of_one_score_count_in_the_order_of_the_list():
    """A ranker breaks its ties itself; the place alone counts, as if the scores fell."""
    run = [ir_measures.ScoredDoc("q", str(product), 1.0) for product in (1, 2, 3)]
    chosen = [ir_measures.Qrel("q", "3", 1)]
    (by_trec_eval,) = (metric.value for metric in ir_measures.iter_calc([RR], chosen, run))
    ties = sorted(("1", "2", "3"), reverse=True)  # trec_eval's own order of ties
    assert score([[int(product) for product in ties]], [[3]], [3])["mrr@3"] == pytest.approx([by_trec_eval], abs=1e-9)
    assert score([[1, 2, 3]], [[3]], [3])["mrr@3"] == pytest.approx([1 / 3])


def test_they_agree_with_pyg():
    random = np.random.default_rng(5)
    lists = np.stack([random.permutation(50)[:20] for _ in range(200)])
    relevant = [sorted(random.permutation(50)[: random.integers(1, 9)].tolist()) for _ in range(200)]
    found = score(lists, relevant, [10])
    edges = torch.tensor([(i, product) for i, row in enumerate(relevant) for product in row]).T
    theirs = {
        "recall": LinkPredRecall,
        "precision": LinkPredPrecision,
        "ndcg": LinkPredNDCG,
        "mrr": LinkPredMRR,
        "hit_rate": LinkPredHitRatio,
    }
    for name, metric in theirs.items():
        meter = metric(10)
        meter.update(torch.from_numpy(lists), edges)
        assert found[f"{name}@10"].mean() == pytest.approx(float(meter.compute()), abs=1e-6), name


def test_recall_divides_by_all_relevant_products_even_if_the_list_is_too_short_for_them():
    found = score([[1, 2]], [[1, 2, 3, 4, 5]], [2])
    assert found["recall@2"] == pytest.approx([2 / 5])
    assert found["ndcg@2"] == pytest.approx([1])


def test_padding_is_never_relevant():
    found = score([[99, -1, -1], [-1, -1, -1]], [[99], [0]], [3])
    assert found["recall@3"].tolist() == [1, 0]
    assert found["mrr@3"].tolist() == [1, 0]


def test_places_are_found_for_any_block():
    random = np.random.default_rng(3)
    lists = [random.permutation(30)[:12].tolist() for _ in range(20)]
    relevant = [random.permutation(30)[: random.integers(1, 8)].tolist() for _ in range(20)]
    whole, cases = hits_of(lists, relevant)
    again, _ = hits_of(lists, relevant, block_rows=3)
    assert all(np.array_equal(getattr(whole, name), getattr(again, name)) for name in ("case", "place", "row"))
    for case, place, row in zip(whole.case, whole.place, whole.row, strict=True):
        assert lists[case][place - 1] == cases.product[row]
    assert len(whole.case) == sum(len(set(a) & set(b)) for a, b in zip(lists, relevant, strict=True))


drawn_cases = st.integers(0, 2**32 - 1).map(lambda seed: [random_case(np.random.default_rng([seed, i])) for i in range(4)])


@given(drawn_cases)
def test_values_are_shares_and_some_rise_with_k(drawn):
    lists, relevant, grades = ([one[i] for one in drawn] for i in range(3))
    found = score(padded(lists), relevant, [1, 3, 10, 40], grades)
    for values in found.values():
        assert ((values >= 0) & (values <= 1 + 1e-9)).all()
    for metric in ("recall", "mrr", "hit_rate", "map"):
        rising = np.array([found[f"{metric}@{k}"] for k in (1, 3, 10, 40)])
        assert (np.diff(rising, axis=0) >= -1e-12).all()


@given(drawn_cases, st.integers(1, 5), st.booleans())
def test_something_irrelevant_at_the_end_changes_nothing(drawn, more, padding):
    lists, relevant, grades = ([one[i] for one in drawn] for i in range(3))
    tail = [-1] * more if padding else list(range(50, 50 + more))
    longer = padded([row + tail for row in lists])
    expected = score(padded(lists), relevant, [1, 5, 40], grades)
    for name, values in score(longer, relevant, [1, 5, 40], grades).items():
        assert values == pytest.approx(expected[name], rel=1e-12), name


def test_measures_name_themselves():
    names = [str(measure) for measure in measures([10, 20], ["cart"], graded=True, spend=True)]
    assert names[:4] == ["recall@10", "recall@20", "precision@10", "precision@20"]
    assert {"ndcg:graded@20", "recall:cart@10", "recall:spend@20", "map@10", "hit_rate@20"} <= set(names)
    assert names[-3:] == ["diversity@10", "novelty@10", "repeat_share@10"]
    assert Measure("recall:cart", 1).action == "cart"
    assert Measure("recall:spend", 1).action is None
