"""The static tower folds into one matrix of tokens."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from gnn_search.model.static_tower import StaticTower
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import functional
from towers import random_towers, tiny_config

from gnn_search.graph.texts import product_texts
from gnn_search.model.aggregation import Ragged

TEXTS = [[3, 1, 4, 1, 5], [], [9], [2, 6, 5], [5, 5, 5, 5]]


@pytest.fixture
def tower(tiny_graph) -> StaticTower:
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.WordLevel({str(number): number for number in range(10)}, unk_token="0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tower = StaticTower(tiny_graph, tokenizer, 8)
    with torch.no_grad():
        tower.importance.normal_()
        tower.projection.weight.add_(torch.randn(8, 8) * 0.3)
    return tower


def ragged(texts: list[list[int]]) -> Ragged:
    return Ragged.of(np.cumsum([0, *map(len, texts)]), np.array([token for text in texts for token in text], dtype=np.int32))


def test_the_folded_matrix_gives_the_same_vectors(tower):
    folded = tower.folded()
    assert folded.shape == (10, 8)
    plain = torch.stack([folded[text].mean(dim=0) if text else torch.zeros(8) for text in TEXTS])
    found = tower.mean(ragged(TEXTS))
    torch.testing.assert_close(functional.normalize(found, dim=1), functional.normalize(plain, dim=1), rtol=0, atol=1e-6)
    torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-6)


def test_an_empty_text_is_zero(tower):
    assert not tower.mean(ragged(TEXTS))[1].any()
    assert tower.mean(ragged([[], []])).tolist() == torch.zeros(2, 8).tolist()


def test_the_order_of_the_tokens_does_not_matter(tower):
    random = np.random.default_rng(1)
    shuffled = [random.permutation(text).astype(int).tolist() for text in TEXTS]
    assert shuffled != TEXTS
    torch.testing.assert_close(tower.mean(ragged(shuffled)), tower.mean(ragged(TEXTS)), rtol=0, atol=1e-6)


@torch.no_grad()
def test_an_important_token_pulls_the_text_towards_it(tower):
    def closeness() -> float:
        alone, pair = functional.normalize(tower.mean(ragged([[3], [3, 7]])), dim=1)
        return float(alone @ pair)

    before = closeness()
    tower.importance[3] += 2
    assert closeness() > before


def test_all_weights_learn(tower):
    functional.normalize(tower.mean(ragged(TEXTS)), dim=1)[:, 0].sum().backward()
    for parameter in tower.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
    assert tower.tokens.grad[[0, 7, 8]].abs().sum() == 0


def test_texts_are_cut_into_tokens(tower):
    torch.testing.assert_close(tower(["3 1 4", "unknown", "9"]), tower.mean(ragged([[3, 1, 4], [], [9]])))
    assert tower.knows(["3 1 4", "unknown", "9"]).tolist() == [True, False, True]


def test_nodes_have_the_vectors_of_their_texts(tiny_graph):
    tower = random_towers(tiny_graph, tiny_config()).text
    texts = {
        "query": tiny_graph.nodes("query")["query"],
        "category": tiny_graph.nodes("category")["name"],
        "product": pl.Series(product_texts(tiny_graph.nodes("product"))),
    }
    for node_type, named in texts.items():
        assert torch.equal(tower.nodes(node_type), tower(named.to_list()))
        rows = np.array([3, 0, 3], dtype=np.int32)
        assert torch.equal(tower.nodes(node_type, rows), tower(named.gather(rows).to_list()))
