"""Qrels: which products are relevant in each case, by which actions, and what was spent on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Float64, Int64
from gnn_search.config.recipe import Recipe
from gnn_search.errors import RequestError
from gnn_search.graph.cases import CASE_KEYS, Cases, case_events, sample_rows
from gnn_search.graph.store import Graph

GRADES = {"click": 1.0, "cart": 2.0, "purchase": 3.0}
"""What an action is worth to graded NDCG."""
_PURCHASE = "purchase"


@dataclass(frozen=True, eq=False)
class Qrels:
    """The relevant products of all cases, a row each, in the order of `Cases.product`.

    Attributes:
        actions: By kind of action, whether a row has it; empty where all interactions are of one kind.
        grade: Of a row's highest action in `GRADES`; None where there are not several kinds or one of them has no grade.
        relevant: Whether a row counts as relevant; one that doesn't may still have a grade, for graded NDCG. None where all do.
        spend: Price times quantity of what was purchased, the price as of the catalogue; None where the recipe names no price or the events
            have no weight.

    Shapes:
        - case_of_row: int64 [rows]
        - actions: bool [rows] each
        - grade, spend: float64 [rows]
        - relevant: bool [rows]
    """

    case_of_row: Int64
    num_cases: int
    actions: Mapping[str, Bool] = field(default_factory=dict)
    grade: Float64 | None = None
    spend: Float64 | None = None
    relevant: Bool | None = None


def build_qrels(graph: Graph, cases: Cases, split: Literal["validation", "test"], limit: int | None = None, seed: int = 0) -> Qrels:
    """Look up actions, grades and spend of the relevant products of what `build_cases` made of the same split, limit and seed.

    Raises:
        RequestError: The cases are not those.
    """
    several, tables = len(graph.positive_actions) > 1, Recipe.model_validate(graph.manifest.recipe).tables
    # The product column that holds the price of one piece, where the events say how many were bought.
    price = tables.products.price if tables.events is not None and tables.events.weight is not None else None
    if not several and price is None:
        return plain_qrels(cases)
    rows = _rows(graph, split, limit, seed, price)
    if rows.height != len(cases.product) or not np.array_equal(rows["product"].to_numpy(), cases.product):
        raise RequestError(
            f"these are not the cases of the {split} period of {graph.path} with limit {limit} and seed {seed}; build them so"
        )
    actions = {action: rows["action"].list.contains(action).to_numpy() for action in graph.positive_actions} if several else {}
    grade = None
    if several and set(actions) <= set(GRADES):
        grade = np.max([GRADES[action] * acted for action, acted in actions.items()], axis=0)
    spend = rows["spend"].to_numpy() if price is not None else None
    return Qrels(cases.case_of_row(), len(cases), actions, grade, spend)


def plain_qrels(cases: Cases) -> Qrels:
    """Return qrels that know nothing beyond which products are relevant."""
    return Qrels(cases.case_of_row(), len(cases))


def _rows(graph: Graph, split: str, limit: int | None, seed: int, price: str | None) -> pl.DataFrame:
    """Return the relevant rows in the order of the cases: product, its actions, and what was spent on it."""
    labels = list(graph.manifest.labels)
    events = case_events(graph, split)
    cases = events.select(*CASE_KEYS, *labels).unique(maintain_order=True)
    kept = np.arange(cases.height) if limit is None else sample_rows(cases.height, limit, seed)
    cases = cases[kept].with_row_index("case")
    spent = pl.lit(0.0)
    if price is not None:
        prices = graph.nodes("product")[price].cast(pl.Float64)
        numbers = pl.Series(np.arange(len(prices), dtype=np.int32))
        spent = pl.col("weight").cast(pl.Float64) * pl.col("product").replace_strict(numbers, prices)
    bought = pl.col("action") == (_PURCHASE if _PURCHASE in graph.positive_actions else pl.col("action"))
    return (
        events.with_columns(spend=pl.when(bought).then(spent).otherwise(0.0).fill_nan(None).fill_null(0.0))
        .join(cases, on=[*CASE_KEYS, *labels], how="inner", nulls_equal=True)
        .group_by("case", "product")
        .agg(pl.col("action").unique(), pl.col("spend").sum())
        .sort("case", "product")
    )
