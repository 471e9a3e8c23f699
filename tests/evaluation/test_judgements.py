"""Judged queries: what counts, figures by hand and against trec_eval, and the order of judged products alone."""

from __future__ import annotations

from math import log2

import ir_measures
import numpy as np
import polars as pl
import pytest
from ir_measures import RR, R, nDCG
from judgement_shops import JUDGEMENTS, write_judgement_shop
from models import write_model
from shops import build

from gnn_search.arrays import PADDING
from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.evaluation.judgements import PoolRanker, QueryJudgements, pool_rankers, read_judgements
from gnn_search.graph.store import Graph
from gnn_search.retrieval.rankers.build import model_case_rankers
from gnn_search.retrieval.ranking import CaseRanker, Ranking
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

PRODUCTS = ("a", "b", "c", "d", "e", "f", "g")
PAIRS = [("one", "a", 3, "test"), ("one", "b", 2, "test"), ("one", "c", 1, "test"), ("two", "d", 2, "test"), ("two", "e", 1, "test")]
LISTS = {"one": "cbgaf", "two": "abcfg"}
"""The catalogue in the order of a ranker that leaves out d and e."""


class Fixed:
    """Ranks by given lists, the scores falling from 100."""

    name = "fixed"

    def __init__(self, graph: Graph) -> None:
        self._queries, self._products = graph.nodes("query")["query"], graph.nodes("product")["product_id"].to_list()

    def rank(self, user, query, k):
        product = np.full((len(query), k), PADDING, dtype=np.int32)
        for row, text in enumerate(self._queries.gather(query)):
            listed = [self._products.index(one) for one in LISTS[text]][:k]
            product[row, : len(listed)] = listed
        return Ranking(product, np.where(product >= 0, 100 - np.arange(k, dtype=np.float32), -np.inf).astype(np.float32))


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory) -> Graph:
    """Seven products, two judged queries of the test split, and one without a relevant product."""
    folder = tmp_path_factory.mktemp("by_hand")
    further = [("three", "a", 1, "test"), ("four", "a", 3, "train"), ("five", "b", 3, "validation")]
    frame = pl.DataFrame([*PAIRS, *further], schema=["query", "product_id", "grade", "split"], orient="row")
    recipe = write_judgement_shop(folder, frame, {**JUDGEMENTS, "gains": {}})
    pl.DataFrame({"product_id": PRODUCTS, "title": [f"thing {one}" for one in PRODUCTS], "path": [["x"]] * 7}).write_parquet(
        folder / "products.parquet"
    )
    return build(recipe, folder / "graph")


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> tuple[Graph, list[CaseRanker], QueryJudgements]:
    graph = build(write_judgement_shop(tmp_path_factory.mktemp("shop")), tmp_path_factory.mktemp("graph") / "graph")
    model = open_model(write_model(graph, tmp_path_factory.mktemp("model") / "model"))
    rankers = [*model_case_rankers(model, open_node_embeddings(model)), Bm25(graph)]
    return graph, rankers, read_judgements(graph, "test", graph.manifest.test_start)


def means(graph: Graph, rankers: list[CaseRanker], judgements: QueryJudgements, k: tuple[int, ...]) -> dict[tuple[str, str, int], float]:
    qrels, slices = judgements.qrels(), judgements.slices()
    found = evaluate(judgements.cases, rankers, graph, k, n_resamples=5, qrels=qrels, slices=slices)
    return {(one.method, one.metric, one.k): one.mean for one in found.scores}


def test_figures_by_hand(by_hand):
    judgements = read_judgements(by_hand, "test", by_hand.manifest.test_start)
    # "three" has no relevant product.
    assert len(judgements.cases) == 2
    ranker = Fixed(by_hand)
    whole = means(by_hand, [ranker], judgements, (2, 5))
    # "one" finds b at 2 and a at 4; "two" finds nothing.
    assert whole["fixed", "recall", 2] == pytest.approx((1 / 2 + 0) / 2)
    assert whole["fixed", "recall", 5] == pytest.approx((1 + 0) / 2)
    assert whole["fixed", "mrr", 5] == pytest.approx((1 / 2 + 0) / 2)
    best = 3 / log2(2) + 2 / log2(3) + 1 / log2(4)
    gained = 1 / log2(2) + 2 / log2(3) + 3 / log2(5)
    assert whole["fixed", "ndcg:graded", 5] == pytest.approx((gained / best + 0) / 2)
    # Alone, the judged products of "one" stand as c, b, a.
    pool = means(by_hand, pool_rankers([ranker], judgements.cases, by_hand), judgements, (3,))
    assert pool["fixed", "ndcg:graded", 3] == pytest.approx((1 / log2(2) + 2 / log2(3) + 3 / log2(4)) / best / 2)
    assert pool["fixed", "recall", 3] == pytest.approx(1 / 2)
    assert pool["fixed", "mrr", 3] == pytest.approx(1 / 2 / 2)


def test_the_pool_keeps_the_scores_and_the_order(by_hand):
    judgements = read_judgements(by_hand, "test", 0)
    cases = judgements.cases
    found = PoolRanker(Fixed(by_hand), cases, 7).rank(cases.user, cases.query, 4)
    names = by_hand.nodes("product")["product_id"]
    texts = by_hand.nodes("query")["query"].gather(cases.query).to_list()
    one, two = texts.index("one"), texts.index("two")
    assert names.gather(found.product[one, :3]).to_list() == ["c", "b", "a"]
    assert found.product[one, 3] == PADDING
    assert found.score[one].tolist() == [100, 99, 97, -np.inf]
    assert (found.product[two] == PADDING).all()


@pytest.mark.parametrize("pool", [False, True])
def test_figures_equal_those_of_trec_eval(judged, pool):
    graph, rankers, judgements = judged
    cases = judgements.cases
    ids = [str(case) for case in range(len(cases))]
    graded, binary = [], []
    for case, product, gain, relevant in zip(cases.case_of_row(), cases.product, judgements.gain, judgements.relevant, strict=True):
        graded.append(ir_measures.Qrel(ids[case], str(product), int(gain)))
        binary.append(ir_measures.Qrel(ids[case], str(product), int(relevant)))
    methods = pool_rankers(rankers, cases, graph) if pool else rankers
    found = means(graph, methods, judgements, (3, 10))
    assert len({value for (_, metric, _), value in found.items() if metric == "ndcg:graded"}) > 3
    for ranker in methods:
        lists = ranker.rank(cases.user, cases.query, 10).product
        run = [
            ir_measures.ScoredDoc(ids[case], str(product), -place)
            for case, row in enumerate(lists)
            for place, product in enumerate(row.tolist())
            if product >= 0
        ]
        for k in (3, 10):
            theirs = ir_measures.calc_aggregate([nDCG @ k], graded, run)[nDCG @ k]
            assert found[ranker.name, "ndcg:graded", k] == pytest.approx(theirs), ranker.name
        plain = ir_measures.calc_aggregate([R @ 3, R @ 10, RR @ 10], binary, run)
        assert found[ranker.name, "recall", 3] == pytest.approx(plain[R @ 3]), ranker.name
        assert found[ranker.name, "recall", 10] == pytest.approx(plain[R @ 10]), ranker.name
        assert found[ranker.name, "mrr", 10] == pytest.approx(plain[RR @ 10]), ranker.name


def test_the_pool_is_the_whole_ranking_without_what_was_not_judged(judged):
    graph, rankers, judgements = judged
    cases, size = judgements.cases, graph.num_nodes["product"]
    for ranker, pool in zip(rankers, pool_rankers(rankers, cases, graph), strict=True):
        whole = ranker.rank(cases.user, cases.query, size)
        found = pool.rank(cases.user, cases.query, 6)
        for case in range(len(cases)):
            mine = cases.product[cases.indptr[case] : cases.indptr[case + 1]]
            kept = np.isin(whole.product[case], mine)
            wanted = whole.product[case][kept][:6].tolist()
            assert [one for one in found.product[case].tolist() if one >= 0] == wanted, ranker.name
            assert found.score[case][: len(wanted)] == pytest.approx(whole.score[case][kept][:6], rel=1e-5), ranker.name


def test_a_sample_of_the_queries(judged):
    graph, _, judgements = judged
    some = read_judgements(graph, "test", graph.manifest.test_start, limit=2, seed=3)
    again = read_judgements(graph, "test", graph.manifest.test_start, limit=2, seed=3)
    assert len(some.cases) == 2 < len(judgements.cases)
    assert some.cases.query.tolist() == again.cases.query.tolist()
    everything = dict(zip(judgements.cases.query.tolist(), np.split(judgements.gain, judgements.cases.indptr[1:-1]), strict=True))
    for query, gain in zip(some.cases.query.tolist(), np.split(some.gain, some.cases.indptr[1:-1]), strict=True):
        assert gain.tolist() == everything[query].tolist()


def test_a_shop_without_judgements_has_none(tiny_graph):
    assert read_judgements(tiny_graph, "test", 0) is None
