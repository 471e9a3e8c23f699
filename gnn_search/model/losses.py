"""Sampled softmax with the logQ correction, and hinges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional


def sampled_softmax(positive: Tensor, pool_log_mass: Tensor) -> Tensor:
    """Return each example's sampled-softmax loss against a shared pool.

    The other products' scores are each lowered by ln of the chance that the pool holds the product (the logQ correction of Yi et al.,
    RecSys 2019), so their sum estimates that over the whole catalogue. The example's own product is part of that sum with certainty and
    is not corrected; correcting it as well biases the scores of frequent products.

    Shapes:
        - positive: [n], score of each example's own product
        - pool_log_mass: [n], ln of the sum of exp over the pool's other products, from `log_mass`
    """
    return torch.as_tensor(torch.logaddexp(positive, pool_log_mass) - positive)


def log_mass(query: Tensor, product: Tensor, offset: Tensor, masked_row: Tensor, masked_column: Tensor) -> Tensor:
    """Return ln sum_j exp(query_i . product_j - offset_j) over the places that are not masked.

    Shapes:
        - query: [n, d]
        - product: [m, d]
        - offset: [m]
        - masked_row, masked_column: int64 [places]
        - returns: [n]
    """
    left = torch.cat([query, -query.new_ones(len(query), 1)], dim=1)
    right = torch.cat([product, offset[:, None]], dim=1)
    return torch.as_tensor(_LogMass.apply(left, right, masked_row, masked_column))  # type: ignore[no-untyped-call]


def contrast(positive: Tensor, own: Tensor, valid: Tensor) -> Tensor:
    """Return each example's softmax loss of its positive against its own negatives; 0 where none is valid.

    Shapes:
        - positive: [n]
        - own: [n, k]
        - valid: bool [n, k]
        - returns: [n]
    """
    scores = torch.cat([positive[:, None], own.masked_fill(~valid, float("-inf"))], dim=1)
    return torch.as_tensor(torch.logsumexp(scores, dim=1) - positive)


def hinge_below(scores: Tensor, highest: Tensor, valid: Tensor) -> Tensor:
    """Return by how much each example's valid negatives score too high, as a mean over those that do; 0 where none does.

    A mean over all negatives would fade as most of them come to cost nothing.

    Shapes:
        - scores: [n, k]
        - highest: [n], the score that a negative should not pass
        - valid: bool [n, k]
        - returns: [n]
    """
    excess = functional.relu(scores - highest[:, None]).masked_fill(~valid, 0.0)
    return excess.sum(dim=1) / torch.count_nonzero(excess, dim=1).clamp(min=1)


def hinge_below_pool(query: Tensor, product: Tensor, highest: Tensor, masked_row: Tensor, masked_column: Tensor) -> Tensor:
    """Return `hinge_below` of each query against all products but the masked places; shapes as in `log_mass`."""
    valid = torch.ones((len(query), len(product)), dtype=torch.bool, device=query.device)
    valid[masked_row, masked_column] = False
    return hinge_below(query @ product.T, highest, valid)


class _LogMass(torch.autograd.Function):
    """Row-wise log-sum-exp of a matrix product that keeps one score matrix instead of one for each step of the formula."""

    @staticmethod
    def forward(ctx: FunctionCtx, left: Tensor, right: Tensor, masked_row: Tensor, masked_column: Tensor) -> Tensor:
        scores = left @ right.T
        scores[masked_row, masked_column] = float("-inf")
        top = scores.amax(dim=1, keepdim=True).clamp(min=-1e30)
        mass = scores.sub_(top).exp_()
        total = mass.sum(dim=1, keepdim=True).clamp(min=1e-30)
        ctx.save_for_backward(left, right, mass, total)
        return (top + total.log())[:, 0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        left, right, mass, total = ctx.saved_tensors
        scaled = gradient[:, None] / total
        # The rows' factors go to the small matrices; the big one is only multiplied.
        return (mass @ right) * scaled, mass.T @ (left * scaled), None, None
