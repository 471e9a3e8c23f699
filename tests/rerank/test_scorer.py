"""What the reranker scores."""

from __future__ import annotations

import math

import pytest
import torch

from gnn_search.rerank.scorer import RerankScorer


@pytest.fixture
def scorer() -> RerankScorer:
    torch.manual_seed(0)
    scorer = RerankScorer(3, 4)
    with torch.no_grad():
        for parameter in scorer.parameters():
            parameter += torch.randn_like(parameter)
    return scorer


def gelu(x: float) -> float:
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


@torch.no_grad()
def test_hand_computed():
    scorer = RerankScorer(1, 1)
    scorer.standardise(torch.tensor([[1.0], [3.0], [5.0]]))
    deviation = math.sqrt(8 / 3)
    assert (scorer.mean.item(), scorer.deviation.item()) == pytest.approx((3, deviation))
    numbers = {"beside.linear.weight": [[2.0, 0.1]], "beside.linear.bias": [0.5], "beside.inner.weight": [[1.0, -0.5]],
               "beside.inner.bias": [0.25], "beside.outer.weight": [[3.0]], "log_slope": math.log(0.5), "others": -4.0,
               "alone.linear.weight": [[1.5]], "alone.linear.bias": [1.0], "alone.inner.weight": [[2.0]],
               "alone.inner.bias": [0.0], "alone.outer.weight": [[-1.0]]}  # fmt: skip
    for name, parameter in scorer.named_parameters():
        parameter.copy_(torch.tensor(numbers[name]))
    x, scaled = (4 - 3) / deviation, 20 * 0.3
    features, similarity = torch.tensor([[4.0]]), torch.tensor([0.3])
    beside = 2 * x + 0.1 * scaled + 0.5 + 3 * gelu(x - 0.5 * scaled + 0.25)
    assert scorer.score_candidates(features, similarity).item() == pytest.approx(0.5 * scaled + beside, rel=1e-5)
    assert scorer.score_others(similarity).item() == pytest.approx(0.5 * scaled - 4, rel=1e-5)
    assert scorer.score_candidates_alone(features).item() == pytest.approx(1.5 * x + 1 - gelu(2 * x), rel=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("log_slope", [-3.0, 0.0, 2.0])
def test_other_products_keep_the_order_of_the_vectors(scorer, log_slope):
    scorer.log_slope.fill_(log_slope)
    similarity = torch.linspace(-1, 1, 101)
    assert (scorer.score_others(similarity).diff() > 0).all()
    assert scorer.score_others(similarity.reshape(1, -1)).shape == (1, 101)


@torch.no_grad()
def test_a_number_far_outside_decides_no_more_than_one_at_the_edge(scorer):
    scorer.standardise(torch.randn(200, 3))
    edge = scorer.mean + 6 * scorer.deviation
    torch.testing.assert_close(scorer.score_candidates_alone((edge + 1e6)[None]), scorer.score_candidates_alone(edge[None]))
    similarity = torch.tensor([0.5])
    torch.testing.assert_close(scorer.score_candidates((edge + 1e6)[None], similarity), scorer.score_candidates(edge[None], similarity))


@torch.no_grad()
def test_a_number_that_never_varies_is_no_fault(scorer):
    scorer.standardise(torch.ones(10, 3))
    assert torch.isfinite(scorer.score_candidates_alone(torch.ones(2, 3))).all()


@torch.no_grad()
def test_no_product(scorer):
    assert scorer.score_candidates_alone(torch.empty(0, 3)).shape == (0,)
    assert scorer.score_candidates(torch.empty(0, 3), torch.empty(0)).shape == (0,)
