"""What words match, kept or made anew."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import ArtefactError
from gnn_search.graph.lexical.index import LexicalIndex
from gnn_search.rerank.word_matches import WordMatcher, WordMatches, open_matches, save_matches


def rows_of(matches: WordMatches) -> list[list[tuple[float, ...]]]:
    pairs = [(product, *score) for product, score in zip(matches.product.tolist(), matches.score.tolist(), strict=True)]
    return [pairs[start:end] for start, end in zip(matches.starts, matches.ends, strict=True)]


def test_matches_are_those_of_bm25(tiny_graph):
    texts = ["bread 0", "no such words", "tea 1"]
    found = WordMatcher(tiny_graph, 5).match(texts, np.full(3, -1, np.int32))
    index = LexicalIndex(tiny_graph)
    expected = index.search(pl.Series(texts), 5)
    assert [0, *found.ends.tolist()] == [*found.starts.tolist(), 10] == expected.indptr.tolist() == [0, 5, 5, 10]
    assert found.product.tolist() == expected.product.tolist()
    assert found.score[:, 0].tolist() == expected.score.tolist()
    assert found.score[:, 1:].tolist() == index.cover(pl.Series(texts), np.repeat([0, 2], 5), found.product).tolist()


def test_kept_matches_equal_those_made_anew(tiny_graph, tmp_path):
    anew = WordMatcher(tiny_graph, 4)
    save_matches(anew.match_queries(), tmp_path / "words")
    count = tiny_graph.num_nodes["query"]
    kept = WordMatcher(tiny_graph, 4, open_matches(tmp_path / "words", count))
    node = np.array([3, 0, 3], dtype=np.int32)
    texts = tiny_graph.nodes("query")["query"].gather(node).to_list()
    assert rows_of(kept.match(texts, node)) == rows_of(anew.match(texts, node))
    assert "index" not in vars(kept)


def test_nothing_is_matched_where_that_is_off(tiny_graph):
    found = WordMatcher(tiny_graph, 0).match(["bread 0"], np.array([-1], np.int32))
    assert rows_of(found) == [[]]
    assert open_matches(tiny_graph.path / "nowhere", 3) is None


def test_matches_of_some_texts():
    score = np.array([[4, 0.5], [1, 0.25], [3, 1]], np.float32)
    matches = WordMatches(np.array([0, 2, 2]), np.array([2, 2, 3]), np.array([7, 5, 1], np.int32), score)
    assert rows_of(matches.take(np.array([2, 0, 1, 0]))) == [[(1, 3, 1)], [(7, 4, 0.5), (5, 1, 0.25)], [], [(7, 4, 0.5), (5, 1, 0.25)]]


def test_damaged_matches_are_named(tiny_graph, tmp_path):
    folder = tmp_path / "words"
    save_matches(WordMatcher(tiny_graph, 4).match_queries(), folder)
    with pytest.raises(ArtefactError, match=r"words is damaged: expected the matches of 3 queries, got \d+; remove it"):
        open_matches(folder, 3)
    (folder / "score.npy").write_bytes(b"x")
    with pytest.raises(ArtefactError, match=r"words/.*\.npy is damaged \(.*\); remove .*words, and it is made anew"):
        open_matches(folder, tiny_graph.num_nodes["query"])
