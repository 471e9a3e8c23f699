"""The bag of pieces: a weighted sum of tokens and terms, which folds into one matrix."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import functional
from towers import random_towers, tiny_config

from gnn_search.graph.texts import product_texts
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.text_encoder import TermHasher

TEXTS = ["3 1 4 1 5", "", "9", "2 6 5", "5 5 5 5", "- !"]
PARTS = {"tokens and terms": (True, True), "tokens": (True, False), "terms": (False, True)}


def make_tower(graph, tokens: bool, terms: bool, table: torch.Tensor | None = None) -> BagTower:
    """Return a tower in which no weight is where it started, with a token for each digit and that of the unknown."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(["[UNK]", *"123456789"])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tower = BagTower(graph, 8, tokenizer if tokens else None, TermHasher(64, (2, 3)) if terms else None, table)
    with torch.no_grad():
        for parameter in tower.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return tower


@pytest.fixture(params=PARTS.values(), ids=PARTS)
def tower(request, tiny_graph) -> BagTower:
    return make_tower(tiny_graph, *request.param)


def rows_of(tower: BagTower, text: str) -> list[int]:
    """Return the rows of the folded matrix that a text's pieces have."""
    tokens = [] if tower.tokenizer is None else [token for token in tower.tokenizer.encode(text).ids if token]
    terms = [] if tower.hasher is None else (10 if tower.tokenizer is not None else 0) + tower.hasher([text])[1]
    return [*tokens, *map(int, terms)]


@torch.no_grad()
def test_a_text_is_the_plain_sum_of_the_folded_matrix(tower):
    folded = tower.folded()
    assert folded.shape == ((10 if tower.tokenizer is not None else 0) + (64 if tower.hasher is not None else 0), 8)
    plain = torch.stack([folded[rows_of(tower, text)].sum(dim=0) for text in TEXTS])
    torch.testing.assert_close(tower(TEXTS), functional.normalize(plain, dim=1) * torch.exp(tower.log_gain), rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_sum_is_that_of_the_formula(tiny_graph):
    tower = make_tower(tiny_graph, True, True)
    tokens = tower.importance[[3, 7]].exp()[:, None] * tower.tokens[[3, 7]]
    summed = tower.projection.weight @ tokens.sum(dim=0) + tower.terms[torch.from_numpy(tower.hasher(["3 7"])[1]).long()].sum(dim=0)
    torch.testing.assert_close(tower(["3 7"])[0], torch.exp(tower.log_gain) * summed / summed.norm(), rtol=0, atol=1e-5)


@torch.no_grad()
def test_every_text_is_as_long_as_the_gain_says_or_zero(tower):
    lengths = tower(TEXTS).norm(dim=1)
    known = torch.tensor([True, False, True, True, True, False])
    torch.testing.assert_close(lengths, known * torch.exp(tower.log_gain), rtol=1e-5, atol=0)
    assert tower.knows(TEXTS).tolist() == known.tolist()
    tower.log_gain += 1
    torch.testing.assert_close(tower(TEXTS).norm(dim=1), lengths * torch.e, rtol=1e-5, atol=0)


@torch.no_grad()
def test_texts_without_pieces_alone(tower):
    assert tower(["", "-"]).tolist() == torch.zeros(2, 8).tolist()
    assert tower([]).shape == (0, 8)


def test_who_has_terms_knows_words_without_a_token(tower):
    assert tower.knows(["0 12", "- 3"]).tolist() == [tower.hasher is not None, True]


@torch.no_grad()
def test_the_order_of_the_words_does_not_matter(tower):
    torch.testing.assert_close(tower(["3 1 4 9"]), tower(["9 4 1 3"]), rtol=0, atol=1e-6)


@torch.no_grad()
def test_an_important_token_pulls_the_text_towards_it(tiny_graph):
    tower = make_tower(tiny_graph, True, False)

    def closeness() -> float:
        alone, pair = functional.normalize(tower(["3", "3 7"]), dim=1)
        return float(alone @ pair)

    before = closeness()
    tower.importance[3] += 2
    assert closeness() > before


def test_all_weights_learn(tower):
    tower(TEXTS)[:, 0].sum().backward()
    for name, parameter in tower.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    if tower.tokenizer is not None:
        assert tower.tokens.grad[[0, 7, 8]].abs().sum() == 0
    if tower.hasher is not None:
        unused = np.setdiff1d(np.arange(64), tower.hasher(TEXTS)[1])
        assert len(unused)
        assert tower.terms.grad[unused].abs().sum() == 0


def test_a_table_of_others_stays_as_it_is(tiny_graph):
    table = torch.randn(10, 5)
    tower = make_tower(tiny_graph, True, True, table)
    assert torch.equal(tower.tokens, table)
    tower(TEXTS)[:, 0].sum().backward()
    assert tower.tokens.grad is None
    assert tower.projection.weight.grad.abs().sum() > 0
    assert {id(weight) for weight in tower.table_parameters()} == {id(tower.importance), id(tower.terms)}
    own = make_tower(tiny_graph, True, True)
    assert {id(weight) for weight in own.table_parameters()} == {id(own.tokens), id(own.importance), id(own.terms)}
    assert tower.folded().shape == (74, 8)


def test_beside_terms_a_token_counts_more_at_first(tiny_graph):
    alone, beside = (
        BagTower(tiny_graph, 8, make_tower(tiny_graph, True, False).tokenizer, hasher) for hasher in (None, TermHasher(64, ()))
    )
    assert torch.equal(alone.projection.weight, torch.eye(8))
    torch.testing.assert_close(beside.projection.weight, torch.eye(8) * torch.e)


@pytest.mark.parametrize("parts", [("static", "terms"), ("terms",)], ids="+".join)
def test_nodes_have_the_vectors_of_their_texts(tiny_graph, parts):
    tower = random_towers(tiny_graph, tiny_config(text={"parts": parts})).text
    texts = {
        "query": tiny_graph.nodes("query")["query"],
        "category": tiny_graph.nodes("category")["name"],
        "product": pl.Series(product_texts(tiny_graph.nodes("product"))),
    }
    for node_type, named in texts.items():
        assert torch.equal(tower.nodes(node_type), tower(named.to_list()))
        rows = np.array([3, 0, 3], dtype=np.int32)
        assert torch.equal(tower.nodes(node_type, rows), tower(named.gather(rows).to_list()))
