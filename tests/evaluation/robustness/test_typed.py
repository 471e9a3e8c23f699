"""Labelled queries: the file, and the figures against a plain computation."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from gnn_search.errors import RequestError
from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.evaluation.robustness.measure import NewWords
from gnn_search.evaluation.robustness.typed import measure_typed
from gnn_search.evaluation.robustness.typed_queries import accepted_categories, read_typed_queries
from gnn_search.retrieval.ranking import Ranking

ROWS = [
    {"id": "a", "query": "  Crème  BREAD ", "kind": "long", "accept": ["food > bakery"], "best": "food > bakery > bread"},
    {"id": 2, "query": "tea", "kind": "short", "accept": ["drinks > tea", "home > kitchen"]},
    {"id": "c", "query": "zzzz", "kind": "short", "accept": ["food > bake", "drink"]},
    {"id": "d", "query": "bread 0", "kind": "long", "accept": ["drinks"]},
]


def write(path, *lines):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "typed.jsonl", ROWS[0], "", *ROWS[1:])


class ByText:
    """Ranks the products from the one that a text names on."""

    name = "by text"

    def __init__(self, graph, starts):
        self.count, self.starts = graph.num_nodes["product"], starts

    def rank(self, user, query, k):
        raise AssertionError("typed queries are texts")

    def rank_texts(self, user, texts, k):
        assert (user == -1).all()
        rows = [[(self.starts[text] + place) % self.count for place in range(k)] for text in texts.to_list()]
        rows[0][3:] = [-1] * (k - 3)
        return Ranking(np.array(rows, dtype=np.int32), np.zeros((len(rows), k), dtype=np.float32))


def test_the_file_is_read(file, tiny_graph):
    queries = read_typed_queries(file)
    assert queries.texts.to_list() == ["crème bread", "tea", "zzzz", "bread 0"]
    assert queries.line == (1, 3, 4, 5)
    assert queries.kinds == ["long", "short"]
    found = accepted_categories(queries, tiny_graph)
    paths = tiny_graph.nodes("category")["path"].to_list()
    accepted = [[path for path, holds in zip(paths, row[:-1].tolist(), strict=True) if holds] for row in found.accepted]
    assert [sorted(row) for row in accepted] == [
        ["food > bakery", "food > bakery > bread", "food > bakery > cake"],
        ["drinks > tea", "home > kitchen", "home > kitchen > knives"],
        [],
        ["drinks", "drinks > tea"],
    ]
    assert not found.accepted[:, -1].any()
    assert found.unknown == (("food > bake", 4), ("drink", 4))
    assert found.unanswerable.tolist() == [2]


def test_the_figures_are_those_of_a_plain_computation(file, tiny_graph):
    queries = read_typed_queries(file)
    ranker = ByText(tiny_graph, {"crème bread": 0, "tea": 5, "zzzz": 1, "bread 0": 17})
    bm25 = build_baselines(tiny_graph, tiny_graph.manifest.test_start, ("bm25", "popularity"))
    result, table = measure_typed(queries, accepted_categories(queries, tiny_graph), tiny_graph, [ranker, *bm25], 50, 0)
    paths, own = tiny_graph.nodes("category")["path"].to_list(), tiny_graph.nodes("product")["category"].to_list()
    assert result.methods() == ["by text", "bm25"]
    assert (result.k, result.queries, result.in_log, result.unknown_paths, result.unanswerable) == (10, 4, 1, 2, 1)
    good, none = [], []
    lists = ranker.rank_texts(np.full(4, -1), queries.texts, 10).product.tolist()
    for row, products in zip(ROWS, lists, strict=True):
        right = [
            product >= 0 and any(paths[own[product]] == path or paths[own[product]].startswith(f"{path} > ") for path in row["accept"])
            for product in products
        ]
        good.append(sum(right) / 10)
        none.append(float(not any(right)))
    assert 0 < sum(good) < 4
    for kind, rows in (("all", [0, 1, 2, 3]), ("long", [0, 3]), ("short", [1, 2])):
        score = result.score("by text", kind)
        assert score.queries == len(rows)
        assert score.good.mean == pytest.approx(np.mean([good[row] for row in rows]))
        assert score.none.mean == pytest.approx(np.mean([none[row] for row in rows]))
        assert score.good.low <= score.good.mean <= score.good.high
    mine = table.filter(method="by text")
    assert mine["id"].to_list() == ["a", "2", "c", "d"]
    assert mine["good"].to_list() == pytest.approx(good)
    assert mine["none"].to_list() == none


def test_paths_that_the_graph_lacks_are_reported(file, tiny_graph):
    said = []
    NewWords.prepare(0, file, tiny_graph, said.append)
    assert said == [f"2 accepted category paths of {file} are not in the graph, such as 'food > bake' in line 4; 1 queries accept no other"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: expected a JSON object, got { "),
        ("[1]", "line 2: input should be a valid dictionary"),
        ({"id": "x", "query": "tea", "kind": "k"}, "line 2: 'accept': field required"),
        (
            {"id": "x", "query": " ", "kind": "k", "accept": ["drinks"]},
            "line 2: 'query': string should have at least 1 character, got \" \"",
        ),
        ({"id": "x", "query": "tea", "kind": "k", "accept": []}, "line 2: 'accept': list should have at least 1 item"),
        ({"id": "x", "query": "tea", "kind": "k", "accept": "drinks"}, "line 2: 'accept': input should be a valid list, got \"drinks\""),
        (
            {"id": "x", "query": "tea", "kind": "k", "accept": ["drinks"], "grade": 1},
            "line 2: 'grade': extra inputs are not permitted, got 1",
        ),
        ({"id": "a", "query": "tea", "kind": "k", "accept": ["drinks"]}, "line 2: the id 'a' stands in line 1 too"),
        ({"id": "x", "query": "tea", "kind": "all", "accept": ["drinks"]}, "line 2: the kind 'all' is that of all queries together"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    with pytest.raises(RequestError, match=re.escape(message)):
        read_typed_queries(write(tmp_path / "typed.jsonl", ROWS[0], line))


def test_files_that_hold_nothing(tmp_path):
    with pytest.raises(RequestError, match=r"got none; write lines such as"):
        read_typed_queries(write(tmp_path / "empty.jsonl", "", "  "))
    with pytest.raises(RequestError, match=r"absent.jsonl, which can't be read \(No such file or directory\); give JSON lines"):
        read_typed_queries(tmp_path / "absent.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(RequestError, match=r"which can't be read \(it is no UTF-8 text\)"):
        read_typed_queries(tmp_path / "latin.jsonl")
