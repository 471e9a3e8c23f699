"""What is understood of a request: how far known queries count for it, and how likely its list is to hold what is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from gnn_search.arrays import PADDING, Bool, Float32, Int32, sorted_unique
from gnn_search.config.base import StrictModel
from gnn_search.graph.known_queries.finder import KnownQueries
from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.graph.known_queries.weights import LenderWeights, fit_logistic
from gnn_search.graph.store import Graph

FIRST = 10
"""Products at the head of a list that evidence is taken from."""
READ_AS = 0.3
"""Weight from which a lender is named as what a query is read as."""
_PRIOR_STRENGTH = 20.0


class ConfidenceWeights(StrictModel):
    r"""The chance that the first ten products of a list hold one that fits.

    With b the chance that a lender is about what is wanted (`Lenders.reach`), w the largest share of the query's words,
    weighted by idf, that one of the ten products holds, and s their largest cosine with the request,

    .. math::
        1 / (1 + \exp(-(c + a_1 b + a_2 w + a_3 s))), \qquad a \ge 0.

    Fitted on known queries taken as new, whose list fits where a product lies in one of their main categories, against random strings,
    whose list never does. Unfitted, the values are a guess.
    """

    intercept: float = Field(-4.0, description="c.")
    lenders: float = Field(4.0, ge=0, description="a1.")
    words: float = Field(4.0, ge=0, description="a2.")
    cosine: float = Field(1.0, ge=0, description="a3.")
    threshold: float = Field(0.5, gt=0, lt=1, description="Chance below which nothing matches well.")
    queries: int = Field(0, ge=0, description="Queries and random strings that they are fitted on, 0 for the guess.")

    def chance(self, evidence: Float32) -> Float32:
        """Return the chance of each list.

        Shapes:
            - evidence: float32 [n, 3], from `list_evidence`
            - returns: float32 [n]
        """
        z = self.intercept + np.maximum(evidence, 0) @ np.array([self.lenders, self.words, self.cosine])
        return np.asarray(1 / (1 + np.exp(-z)), dtype=np.float32)

    @classmethod
    def fit(cls, evidence: Float32, fits: Bool, made_up: Bool) -> ConfidenceWeights:
        """Fit the weights, and the threshold that best tells queries whose list fits from random strings.

        Shapes:
            - evidence: float32 [n, 3]
            - fits: bool [n], whether the list holds a product that fits
            - made_up: bool [n], whether it is the list of a random string
        """
        prior = cls()
        start = np.array([prior.intercept, prior.lenders, prior.words, prior.cosine])
        fitted = fit_logistic(np.maximum(evidence, 0), fits.astype(np.float32), start, _PRIOR_STRENGTH)
        names = ("intercept", "lenders", "words", "cosine")
        values: dict[str, Any] = {name: round(float(value), 6) for name, value in zip(names, fitted, strict=True)}
        weights = cls(**values, queries=len(fits))
        chance = weights.chance(evidence)
        good, bad = np.sort(chance[fits & ~made_up]), np.sort(chance[made_up])
        if not len(good) or not len(bad):
            return weights
        # Where the share of fitting lists that are lost and the share of random strings that pass add up to the least.
        bounds = sorted_unique(np.concatenate([good, bad]))
        bounds = (bounds[1:] + bounds[:-1]) / 2 if len(bounds) > 1 else bounds
        lost, passed = np.searchsorted(good, bounds) / len(good), 1 - np.searchsorted(bad, bounds) / len(bad)
        least = np.flatnonzero(lost + passed <= (lost + passed).min() + 1e-9)
        threshold = float(np.clip(bounds[least[len(least) // 2]], 0.01, 0.99))
        return weights.model_copy(update={"threshold": round(threshold, 6)})


class Understanding(StrictModel):
    """What a model knows of new queries beside its weights: a file of its folder."""

    lenders: LenderWeights = Field(default_factory=LenderWeights, description="How far a known query counts for one that is like it.")
    confidence: ConfidenceWeights = Field(default_factory=ConfidenceWeights, description="How likely a list is to hold what is wanted.")


class ProductTexts:
    """The texts of a graph's products: title, brand and category path."""

    def __init__(self, graph: Graph) -> None:
        products = graph.nodes("product")
        self._columns = [products[name] for name in ("title", "brand") if name in products.columns]
        self._category = np.asarray(graph.taxonomy.product_category)
        self._path = graph.nodes("category")["path"] if graph.num_nodes.get("category", 0) else None

    def of(self, product: Int32) -> list[str]:
        """Return the text of some products: [n]."""
        parts = [column.gather(product).to_list() for column in self._columns]
        if self._path is not None:
            category = self._category[product]
            paths = self._path.gather(np.maximum(category, 0)).to_list()
            parts.append([path if one >= 0 else "" for path, one in zip(paths, category.tolist(), strict=True)])
        return [" ".join(str(part) for part in row if part) for row in zip(*parts, strict=True)]


def list_evidence(
    known_queries: KnownQueries, texts: list[str], lenders: Lenders, products: ProductTexts, listed: Int32, cosine: Float32
) -> Float32:
    """Return what says how well a list fits, of each text: its lenders' reach, the best cover of its words, the best cosine.

    Shapes:
        - texts: [n], normalised
        - lenders: of the n texts
        - listed: int32 [n, m], the head of each list, `PADDING` at its end
        - cosine: float32 [n, m], of the request with each
        - returns: float32 [n, 3]
    """
    held = listed != PADDING
    best = np.where(held, cosine, 0).max(axis=1, initial=0)
    evidence = np.stack([lenders.reach(), np.zeros(len(texts)), best], axis=1).astype(np.float32)
    row, place = np.nonzero(held)
    if not len(row) or not len(known_queries.node):
        return evidence
    distinct, at = np.unique(listed[row, place], return_inverse=True)
    covered = known_queries.stem_lists.covered(texts, row, products.of(distinct), at)
    np.maximum.at(evidence[:, 1], row, covered)
    return evidence
