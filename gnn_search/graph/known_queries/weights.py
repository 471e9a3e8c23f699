"""How much a known query counts for a text that is like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field
from scipy.optimize import minimize

from gnn_search.arrays import Float32, Float64
from gnn_search.config.base import StrictModel

_PRIOR_STRENGTH = 20.0
"""Pairs that the prior is worth."""


class LenderWeights(StrictModel):
    r"""The weight of a lender: the chance that it is about what the text is about.

    With the likeness by spelling s, by stems t and by meaning m (a cosine, 0 where it is negative),

    .. math::
        w = 1 / (1 + \exp(-(c + a_1 s + a_2 t + a_3 m))), \qquad a \ge 0,

    so it never falls where a lender is more like the text. Fitted, it is the chance that two queries lead to the same categories
    (Platt's scaling with several inputs); unfitted, the values are a guess that takes a plural or a typo for almost certain and one shared
    word of two for half.
    """

    intercept: float = Field(-7.0, description="c.")
    spelling: float = Field(5.0, ge=0, description="a1.")
    stems: float = Field(5.0, ge=0, description="a2.")
    meaning: float = Field(3.0, ge=0, description="a3.")
    pairs: int = Field(0, ge=0, description="Pairs of queries that they are fitted on, 0 for the guess.")

    def weigh(self, likeness: Float32) -> Float32:
        """Return the weights of lenders.

        Shapes:
            - likeness: float32 [n, 3], see `Lenders`
            - returns: float32 [n], above 0 and below 1
        """
        slopes = np.array([self.spelling, self.stems, self.meaning])
        return np.asarray(1 / (1 + np.exp(-(self.intercept + np.maximum(likeness, 0) @ slopes))), dtype=np.float32)

    @classmethod
    def fit(cls, likeness: Float32, agreement: Float32) -> LenderWeights:
        """Fit the weights; the guess counts as much as `_PRIOR_STRENGTH` pairs.

        Shapes:
            - likeness: float32 [n, 3], of pairs of queries
            - agreement: float32 [n], 0 to 1, how much of what they lead to is the same
        """
        prior = cls()
        start = np.array([prior.intercept, prior.spelling, prior.stems, prior.meaning])
        fitted = fit_logistic(np.maximum(likeness, 0), agreement, start, _PRIOR_STRENGTH)
        names = ("intercept", "spelling", "stems", "meaning")
        values: dict[str, Any] = {name: round(float(value), 6) for name, value in zip(names, fitted, strict=True)}
        return cls(**values, pairs=len(agreement))


def fit_logistic(inputs: Float32, share: Float32, prior: Float64, strength: float) -> Float64:
    """Fit a logistic regression whose slopes are not negative, pulled towards a prior.

    Shapes:
        - inputs: float32 [n, m]
        - share: float32 [n], what is to be predicted, 0 to 1
        - prior: float64 [1 + m], intercept and slopes
        - returns: likewise
    """
    x = np.column_stack([np.ones(len(inputs)), inputs]).astype(np.float64)
    y = share.astype(np.float64)

    def loss(weights: Float64) -> tuple[float, Float64]:
        z, away = x @ weights, weights - prior
        lost = np.logaddexp(0, z) - y * z
        pull = strength / (1 + len(prior)) / 4
        gradient = x.T @ (1 / (1 + np.exp(-z)) - y) + pull * away
        return float(lost.sum() + pull * (away**2).sum() / 2), gradient

    bounds = [(None, None), *[(0, None)] * (len(prior) - 1)]
    found: Any = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x)
