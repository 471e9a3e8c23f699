"""What a shop's log and catalogue say of a product whatever is asked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph, GraphView

Float64 = npt.NDArray[np.float64]

POPULARITY, RECENCY, CONVERSION = "popularity", "recency", "conversion"
OF_LOG = (POPULARITY, RECENCY, CONVERSION)
"""Qualities that the log tells, as of any moment; all others are columns of the products."""

_CHOICES = ("query", "leads_to", "product")
_PURCHASE = "purchase"
_AVERAGE_CHOICES = 10
"""Choices of the average kind that each product is given beside its own, so that one purchase in one choice is not the best of all."""


def product_columns(graph: Graph) -> list[str]:
    """Return the numeric columns of the products table."""
    products = graph.nodes("product")
    return [name for name, dtype in list(products.schema.items())[1:] if dtype.is_numeric() and name != "category"]


def measure_quality(view: GraphView, name: str) -> Float64:
    """Return a quality of every product as known before a moment, more is better.

    Args:
        view: What is known.
        name: `popularity`: choices. `recency`: minus the age of the last choice
            in µs, minus infinity where there is none. `conversion`: the share of a product's choices that were purchases. Any other: that
            column of the products, NaN where it has no value.

    Shapes:
        Returns float64 [products].

    Raises:
        RequestError: The shop has no such quality.
    """
    if name == POPULARITY:
        return view.edges(_CHOICES).degree().astype(np.float64)
    if name == RECENCY:
        return _recency(view)
    if name == CONVERSION:
        return _conversion(view)
    known = product_columns(view.graph)
    if name not in known:
        raise RequestError(
            f"the products of {view.graph.path} have no numeric column '{name}'; there are {known}; name one of these or of "
            f"{', '.join(OF_LOG)}, add it to the recipe under numeric, or give it in a file with --columns"
        )
    return view.graph.nodes("product")[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def was_chosen(view: GraphView) -> npt.NDArray[np.bool_]:
    """Say which products anybody chose before the view's moment: bool [products]."""
    return np.asarray(view.edges(_CHOICES).degree() > 0)


def _recency(view: GraphView) -> Float64:
    edges = view.edges(_CHOICES)
    chosen = edges.degree() > 0
    assert edges.csr.time is not None
    newest = np.full(len(chosen), -np.inf)
    # Entries are sorted by time, so the last one visible is the newest.
    newest[chosen] = edges.csr.time[edges.ends[chosen] - 1] - float(view.time)
    return newest


def _conversion(view: GraphView) -> Float64:
    """Return (purchases + m * mean) / (choices + m).

    Purchases are counted among all choices, the purchases themselves too: the order is that of purchases by other choices, and a purchase
    without a logged click does no harm.
    """
    graph = view.graph
    if _PURCHASE not in graph.positive_actions or len(graph.positive_actions) < 2:
        raise RequestError(
            f"'{CONVERSION}' compares purchases with other choices, but the graph {graph.path} logs {graph.positive_actions} alone; "
            f"leave it out"
        )
    events = pl.concat([graph.examples(split).select("product", "action", "time") for split in ("train", "validation", "test")])
    known = events.filter((pl.col("time") < view.time) & pl.col("action").is_in(graph.positive_actions))
    product, purchase = known["product"].to_numpy(), (known["action"] == _PURCHASE).to_numpy()
    choices = np.bincount(product, minlength=graph.num_nodes["product"])
    purchases = np.bincount(product[purchase], minlength=graph.num_nodes["product"])
    mean = purchases.sum() / max(choices.sum(), 1)
    return np.asarray((purchases + _AVERAGE_CHOICES * mean) / (choices + _AVERAGE_CHOICES))
