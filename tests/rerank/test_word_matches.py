"""What words match, kept or made anew."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import ArtefactError
from gnn_search.graph.lexical import LexicalIndex, split_words
from gnn_search.rerank.word_matches import WordMatcher, WordMatches, open_matches, save_matches


def rows_of(matches: WordMatches) -> list[list[tuple[int, float]]]:
    pairs = list(zip(matches.product.tolist(), matches.score.tolist(), strict=True))
    return [pairs[start:end] for start, end in zip(matches.starts, matches.ends, strict=True)]


def test_matches_are_those_of_bm25(tiny_graph):
    texts = ["bread 0", "no such words", "tea 1"]
    found = WordMatcher(tiny_graph, 5).match(texts, np.full(3, -1, np.int32))
    index = LexicalIndex(tiny_graph)
    for place, words in enumerate(split_words(pl.Series(texts))):
        product, score = index.best(words, 5)
        here = slice(found.starts[place], found.ends[place])
        assert found.product[here].tolist() == product.tolist()
        assert found.score[here].tolist() == score.tolist()
    assert len(found.product) > 0


def test_kept_matches_equal_those_made_anew(tiny_graph, tmp_path):
    anew = WordMatcher(tiny_graph, 4)
    save_matches(anew.match_queries(), tmp_path / "words")
    count = tiny_graph.num_nodes["query"]
    kept = WordMatcher(tiny_graph, 4, open_matches(tmp_path / "words", count))
    node = np.array([3, 0, 3], dtype=np.int32)
    texts = tiny_graph.nodes("query")["query"].gather(node).to_list()
    assert rows_of(kept.match(texts, node)) == rows_of(anew.match(texts, node))
    assert "_index" not in vars(kept)


def test_nothing_is_matched_where_that_is_off(tiny_graph):
    found = WordMatcher(tiny_graph, 0).match(["bread 0"], np.array([-1], np.int32))
    assert rows_of(found) == [[]]
    assert open_matches(tiny_graph.path / "nowhere", 3) is None


def test_matches_of_some_texts():
    matches = WordMatches.of_sizes(np.array([2, 0, 1]), np.array([7, 5, 1], np.int32), np.array([4, 1, 3], np.float32))
    assert rows_of(matches.take(np.array([2, 0, 1, 0]))) == [[(1, 3)], [(7, 4), (5, 1)], [], [(7, 4), (5, 1)]]


def test_damaged_matches_are_named(tiny_graph, tmp_path):
    folder = tmp_path / "words"
    save_matches(WordMatcher(tiny_graph, 4).match_queries(), folder)
    with pytest.raises(ArtefactError, match=r"words is damaged: expected the matches of 3 queries, got \d+; remove it"):
        open_matches(folder, 3)
    (folder / "score.npy").write_bytes(b"x")
    with pytest.raises(ArtefactError, match=r"words/.*\.npy is damaged \(.*\); remove .*words, and it is made anew"):
        open_matches(folder, tiny_graph.num_nodes["query"])
