"""Describe the data: counts, periods, the question, and caveats."""

from __future__ import annotations

import numpy as np

from gnn_search.config.base import StrictModel
from gnn_search.config.recipe import Recipe
from gnn_search.evaluation.result import Evaluation
from gnn_search.graph.store import Graph, GraphManifest, to_datetime

_SPLITS = {
    "time": "The log is cut in time: training, validation and test are three stretches that follow each other.",
    "column": "A column of the log says which events are training, validation and test.",
    "last": "Each user's last interaction is tested and the one before it validates, where a cut lies between it and all earlier ones.",
    "judgements": "Judged queries have no time: each is training, validation or test, and those of one stand before those of the next.",
}


class Period(StrictModel):
    """One stretch of the log; times are UTC."""

    name: str
    start: str
    end: str
    events: int


class DataCard(StrictModel):
    """The data that were evaluated.

    Attributes:
        counts: Of products, users, events and so on, by name.
        split: How the periods were cut, in words.
        caveats: What limits the figures, a sentence each.
    """

    name: str
    description: str
    counts: dict[str, int]
    periods: tuple[Period, ...]
    split: str
    question: str
    caveats: tuple[str, ...]


def describe_data(graph: Graph, evaluation: Evaluation) -> DataCard:
    """Describe the data of an evaluation."""
    manifest = graph.manifest
    actions = " or ".join(graph.positive_actions)
    edges = {(one.source, one.relation): one.edges for one in manifest.relations}
    counts = {
        "products": manifest.num_nodes["product"],
        "categories": manifest.num_nodes["category"],
        "users": _count_active_users(graph),
        "queries": manifest.num_nodes["query"],
        **{f"events: {action}": edges.get(("user", action), 0) for action in manifest.actions},
        "cases measured": evaluation.cases,
        "users measured": evaluation.users,
    }
    return DataCard(
        name=manifest.name,
        description=" ".join(manifest.recipe["description"].split()),
        counts=counts,
        periods=_periods(manifest),
        split=_SPLITS[manifest.recipe["split"]["by"]],
        question=f"A case is a user with a query; relevant are the products with which the user then interacted ({actions}). Each method "
        f"ranks all {evaluation.candidates:,} products, knowing only what the log held before {_time_text(evaluation.time)} UTC.",
        caveats=tuple(_caveats(manifest, evaluation)),
    )


def _count_active_users(graph: Graph) -> int:
    """Count the users with an event; the users table may hold more."""
    acted = np.zeros(graph.num_nodes["user"], dtype=np.bool_)
    for action in graph.manifest.actions:
        acted |= np.diff(graph.csr(("product", f"rev_{action}", "user")).indptr) > 0
    return int(acted.sum())


def _periods(manifest: GraphManifest) -> tuple[Period, ...]:
    bounds = (manifest.time_first, manifest.validation_start, manifest.test_start, manifest.time_last)
    return tuple(
        Period(name=name, start=_time_text(start), end=_time_text(end), events=manifest.num_examples[split])
        for name, split, start, end in zip(
            ("training", "validation", "test"), ("train", "validation", "test"), bounds[:-1], bounds[1:], strict=True
        )
    )


def _caveats(manifest: GraphManifest, evaluation: Evaluation) -> list[str]:
    recipe, caveats = Recipe.model_validate(manifest.recipe), []
    tables = recipe.tables
    run = evaluation.manifest
    if run is not None and run.limit == evaluation.cases:
        caveats.append(f"The figures are of a random sample of {run.limit:,} cases of the period, not of all.")
    if run is not None and run.split == "validation":
        caveats.append("These are validation cases, and the reranker was fitted on some of them: what uses it looks better than it is.")
    if tables.events is not None and tables.clock == "order":
        caveats.append("Timestamps only give the order of events: ages are counted in events, and season and trend mean nothing.")
    if tables.judgements is not None:
        caveats.append("Judgements stand in an order that was drawn, and what nobody judged counts as not relevant.")
    related = tables.products.related
    if related:
        caveats.append(f"Related-product columns have no time ({', '.join(related)}): some of it may come from after the test began.")
    users = () if tables.users is None else tables.users.attributes
    timeless = [*tables.products.attributes, *tables.products.numeric, *users]
    if timeless:
        caveats.append(f"Attributes have no time ({', '.join(timeless)}): they are as of when the tables were written.")
    held = recipe.split.hold_out
    if held is not None:
        caveats.append(f"Held out of training: {held.users:.0%} of the users and {held.products:.0%} of the products.")
    if manifest.rejects:
        caveats.append(f"{sum(manifest.rejects.values()):,} rows of the tables were unusable and were set aside.")
    caveats.append("This is measured on past interactions. Only a live test can show what users would do with other lists.")
    return caveats


def _time_text(time: int) -> str:
    return f"{to_datetime(time):%Y-%m-%d %H:%M}"
