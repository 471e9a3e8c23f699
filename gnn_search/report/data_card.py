"""What was asked of which data: counts, periods, the recipe, and what to mind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from gnn_search.config.base import StrictModel
from gnn_search.config.recipe import Recipe
from gnn_search.evaluation.result import Evaluation
from gnn_search.graph.store import Graph, GraphManifest

_SPLITS = {
    "time": "The log is cut in time: training, validation and test are three stretches that follow each other.",
    "column": "A column of the log says which events are training, validation and test.",
    "last": "Each shopper's last choice is tested and the one before it validates, where one moment lies between it and all earlier ones.",
}


class Period(StrictModel):
    """One stretch of the log; moments are UTC."""

    name: str
    start: str
    end: str
    events: int


class DataCard(StrictModel):
    """The data that the figures are of.

    Attributes:
        name: Of the graph.
        description: What the recipe says of the data.
        counts: What there is, by name.
        periods: Training, validation and test.
        split: How they were told apart, in words.
        asked: What is measured, in words.
        caveats: What to mind, a sentence each.
    """

    name: str
    description: str
    counts: dict[str, int]
    periods: tuple[Period, ...]
    split: str
    asked: str
    caveats: tuple[str, ...]


def describe_data(graph: Graph, evaluation: Evaluation) -> DataCard:
    """Describe the data of an evaluation."""
    manifest = graph.manifest
    chose = " or ".join(graph.positive_actions)
    counts = {
        "products": manifest.num_nodes["product"],
        "categories": manifest.num_nodes["category"],
        "shoppers": _shoppers(graph),
        "queries": manifest.num_nodes["query"],
        **{f"events: {action}": _edges(manifest, action) for action in manifest.actions},
        "cases measured": evaluation.cases,
        "shoppers measured": evaluation.users,
    }
    return DataCard(
        name=manifest.name,
        description=" ".join(manifest.recipe["description"].split()),
        counts=counts,
        periods=_periods(manifest),
        split=_SPLITS[manifest.recipe["split"]["by"]],
        asked=f"A case is a shopper with a query, and the products that the shopper then chose ({chose}). Each method answers it with a "
        f"ranked list out of all {evaluation.candidates:,} products, knowing only what the log held before {_moment(evaluation.time)} UTC.",
        caveats=tuple(_caveats(manifest, evaluation)),
    )


def _shoppers(graph: Graph) -> int:
    """Count the shoppers of whom the log holds something; the table of shoppers may know more."""
    acted = np.zeros(graph.num_nodes["user"], dtype=np.bool_)
    for action in graph.manifest.actions:
        acted |= np.diff(graph.csr(("product", f"rev_{action}", "user")).indptr) > 0
    return int(acted.sum())


def _edges(manifest: GraphManifest, action: str) -> int:
    return sum(relation.edges for relation in manifest.relations if (relation.source, relation.relation) == ("user", action))


def _periods(manifest: GraphManifest) -> tuple[Period, ...]:
    bounds = (manifest.time_first, manifest.validation_start, manifest.test_start, manifest.time_last)
    return tuple(
        Period(name=name, start=_moment(start), end=_moment(end), events=manifest.num_examples[split])
        for name, split, start, end in zip(
            ("training", "validation", "test"), ("train", "validation", "test"), bounds[:-1], bounds[1:], strict=True
        )
    )


def _caveats(manifest: GraphManifest, evaluation: Evaluation) -> list[str]:
    recipe, told = Recipe.model_validate(manifest.recipe), []
    tables = recipe.tables
    limit = None if evaluation.manifest is None else evaluation.manifest.limit
    if limit is not None and evaluation.cases == limit:
        told.append(f"The figures are of a random sample of {limit:,} cases of the period, not of all.")
    if evaluation.manifest is not None and evaluation.manifest.split == "validation":
        told.append("These are validation cases, of which the walk term was fitted on some: what uses it looks better than it is.")
    if tables.events.clock == "order":
        told.append("Timestamps tell the order of events alone: ages are counted in events, and season and trend mean nothing.")
    related = tables.products.related
    if related:
        told.append(f"Related-product columns carry no time ({', '.join(related)}): some of it may have been learned after the test began.")
    users = () if tables.users is None else tables.users.attributes
    timeless = [*tables.products.attributes, *tables.products.numeric, *users]
    if timeless:
        told.append(f"Attributes carry no time ({', '.join(timeless)}): they are as the tables had them when they were written.")
    held = recipe.split.hold_out
    if held is not None:
        told.append(f"Made new for the test: {held.users:.0%} of the shoppers and {held.products:.0%} of the products.")
    if manifest.rejects:
        told.append(f"{sum(manifest.rejects.values()):,} rows of the tables could not be used and were set aside.")
    told.append("This is a measurement on past choices. What shoppers would have chosen from other lists only a live test can tell.")
    return told


def _moment(time: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)).strftime("%Y-%m-%d %H:%M")
