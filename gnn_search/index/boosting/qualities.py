"""Qualities of products that hold for every query, and their place among the products as two numbers between 0 and 1.

Qualities such as popularity have long tails, and what counts is at their ends. So a product is placed by halvings: 1/2, 3/4, 7/8, … of
the products are no better, or 1/2, 1/4, 1/8, … are worse. Two numbers with a weight each let a boost lift the best, sink the worst, or
both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Float32, Float64
from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph, GraphView

POPULARITY, RECENCY, CONVERSION = "popularity", "recency", "conversion"
OF_LOG = (POPULARITY, RECENCY, CONVERSION)
"""Qualities measured from the log, as of any time; all others are columns of the products."""

_LEADS_TO = ("query", "leads_to", "product")
_PURCHASE = "purchase"
_PRIOR = 10
"""Average interactions that each product is given beside its own, so that one purchase in one interaction is not the best of all."""

HALVINGS = 10
"""The last one tells one product in a thousand from the others."""
SIDES = ("high", "low")
"""What the two numbers of a quality say."""

_UPPER = 1 - 0.5 ** np.arange(1, HALVINGS + 1)
_LEVELS = np.concatenate([1 - _UPPER[:0:-1], _UPPER])


def numeric_product_columns(graph: Graph) -> list[str]:
    """Return the numeric columns of the products table."""
    products = graph.nodes("product")
    return [name for name, dtype in list(products.schema.items())[1:] if dtype.is_numeric() and name != "category"]


def measure_quality(view: GraphView, name: str) -> Float64:
    """Return a quality of every product as known before a cut-off, more is better.

    Args:
        view: What is known.
        name: `popularity`: interactions. `recency`: minus the age of the last interaction in µs, minus infinity where there is none.
            `conversion`: the share of a product's interactions that were purchases. Any other: that column of the products, NaN where it
            has no value.

    Shapes:
        - returns: float64 [products]

    Raises:
        RequestError: The shop has no such quality.
    """
    if name == POPULARITY:
        return view.edges(_LEADS_TO).degree().astype(np.float64)
    if name == RECENCY:
        return _recency(view)
    if name == CONVERSION:
        return _conversion(view)
    known = numeric_product_columns(view.graph)
    if name not in known:
        raise RequestError(
            f"the products of {view.graph.path} have no numeric column '{name}'; there are {known}; name one of these or of "
            f"{', '.join(OF_LOG)}, add it to the recipe under numeric, or give it in a file with --columns"
        )
    return view.graph.nodes("product")[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def has_interactions(view: GraphView) -> Bool:
    """Return which products had an interaction before the view's cut-off: bool [products]."""
    return np.asarray(view.edges(_LEADS_TO).degree() > 0)


def _recency(view: GraphView) -> Float64:
    edges = view.edges(_LEADS_TO)
    known = edges.degree() > 0
    assert edges.csr.time is not None
    newest = np.full(len(known), -np.inf)
    # Entries are sorted by time, so the last one visible is the newest.
    newest[known] = edges.csr.time[edges.ends[known] - 1] - float(view.time)
    return newest


def _conversion(view: GraphView) -> Float64:
    """Return (purchases + m * mean) / (interactions + m).

    Purchases are counted among all interactions, the purchases themselves too: the order is that of purchases by other interactions, and a
    purchase without a logged click does no harm.
    """
    graph = view.graph
    if _PURCHASE not in graph.positive_actions or len(graph.positive_actions) < 2:
        raise RequestError(
            f"'{CONVERSION}' compares purchases with other interactions, but the graph {graph.path} logs {graph.positive_actions} alone; "
            f"leave it out"
        )
    events = pl.concat([graph.examples(split).select("product", "action", "time") for split in ("train", "validation", "test")])
    known = events.filter((pl.col("time") < view.time) & pl.col("action").is_in(graph.positive_actions))
    product, purchase = known["product"].to_numpy(), (known["action"] == _PURCHASE).to_numpy()
    interactions = np.bincount(product, minlength=graph.num_nodes["product"])
    purchases = np.bincount(product[purchase], minlength=graph.num_nodes["product"])
    mean = purchases.sum() / max(interactions.sum(), 1)
    return np.asarray((purchases + _PRIOR * mean) / (interactions + _PRIOR))


def quality_borders(value: Float64, known: Bool) -> list[float]:
    """Return the 2 * HALVINGS - 1 quantiles of a quality at 1/1024, …, 1/4, 1/2, 3/4, …, 1023/1024, ascending.

    Args:
        value: Of every product, NaN where unknown.
        known: Which products count: those with interactions so far, as others would give away the future.

    Returns:
        The borders; none where no product that counts has a finite value.

    Shapes:
        - value: float64 [products]
        - known: bool [products]
    """
    finite = value[known & np.isfinite(value)]
    return np.quantile(finite, _LEVELS).tolist() if len(finite) else []


def halvings(value: Float64, borders: Sequence[float]) -> Float32:
    """Return the two numbers of each product: which share of the borders from the median up it reaches, and of those down it falls below.

    Equal values get equal numbers. An unknown value gets 0 and 0, which neither lifts nor sinks it.

    Shapes:
        - value: float64 [products], NaN where unknown
        - returns: float32 [products, 2]
    """
    reached = np.searchsorted(np.asarray(borders), value, side="right")
    high = np.maximum(reached - (HALVINGS - 1), 0)
    low = np.maximum(HALVINGS - reached, 0)
    both = np.stack([high, low], axis=1) / HALVINGS
    both[np.isnan(value)] = 0.0
    return both.astype(np.float32)
