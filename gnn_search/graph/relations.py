"""Turn numbered events and tables into relations, each in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Int32
from gnn_search.config.recipe import Recipe
from gnn_search.graph.bought_with import count_bought_with
from gnn_search.graph.csr import Csr, EdgeList
from gnn_search.graph.node_tables import EventNodes, NodeTables
from gnn_search.graph.split import Cuts
from gnn_search.graph.store import EdgeType, positive_actions_among
from gnn_search.tables.load import ShopTables


@dataclass(frozen=True)
class Relation:
    """A relation ready to be written."""

    edge_type: EdgeType
    csr: Csr
    snapshots: tuple[int, ...] = ()


def make_relations(recipe: Recipe, tables: ShopTables, nodes: NodeTables, events: EventNodes, cuts: Cuts) -> Iterator[Relation]:
    """Yield every relation of the graph and its reverse, `rev_` + name, one at a time so that few are in memory."""
    num_nodes = {node_type: table.height for node_type, table in nodes.tables.items()}
    known = events.user >= 0
    for action in sorted(tables.events["action"].unique().to_list()):
        selected = known & (events.action == action)
        yield from _both(("user", action, "product"), _event_edges(events.user, events.product, events, selected), num_nodes)
    positive = np.isin(events.action, positive_actions_among(sorted(set(events.action))))
    yield from _both(("query", "leads_to", "product"), _event_edges(events.query, events.product, events, positive), num_nodes)
    yield from _both(("user", "issues", "query"), _event_edges(events.user, events.query, events, known), num_nodes)
    yield from _both(("product", "in", "category"), _untimed(nodes.taxonomy.product_category), num_nodes)
    yield from _both(("category", "child_of", "category"), _untimed(nodes.taxonomy.parent), num_nodes)
    for column in recipe.tables.products.related:
        yield from _both(("product", column, "product"), _related(tables.products, column), num_nodes)
    if recipe.edges.bought_with is not None:
        yield from _bought_with(recipe, events, positive, cuts, num_nodes)


def _both(edge_type: EdgeType, edges: EdgeList, num_nodes: dict[str, int], snapshots: tuple[int, ...] = ()) -> Iterator[Relation]:
    source, relation, target = edge_type
    yield Relation(edge_type, Csr.from_edges(edges.target, edges.source, edges.time, edges.weight, num_nodes[target]), snapshots)
    reverse = (target, f"rev_{relation}", source)
    yield Relation(reverse, Csr.from_edges(edges.source, edges.target, edges.time, edges.weight, num_nodes[source]), snapshots)


def _event_edges(source: Int32, target: Int32, events: EventNodes, selected: Bool) -> EdgeList:
    return EdgeList(source[selected], target[selected], events.time[selected], events.weight[selected])


def _untimed(target: Int32) -> EdgeList:
    """Make edges from each node that has a target."""
    source = np.flatnonzero(target >= 0).astype(np.int32)
    return EdgeList(source, target[source], None, np.ones(len(source), np.float32))


def _related(products: pl.DataFrame, column: str) -> EdgeList:
    """Make edges product -> each related product that is in the catalogue; weights 1, 1/2, 1/3, … keep the shop's order.

    The heaviest come last, where a sampler of neighbours looks first.
    """
    lookup = products.select(related="product_id").with_row_index("target")
    pairs = (
        products.select(pl.col(column).alias("related"))
        .with_row_index("source")
        .filter(pl.col("related").list.len() > 0)
        .with_columns(rank=pl.int_ranges(1, pl.col("related").list.len() + 1))
        .explode("related", "rank")
        .join(lookup, on="related", how="inner", maintain_order="left")
        .filter(pl.col("source") != pl.col("target"))
        .sort("rank", descending=True, maintain_order=True)
    )
    weight = (1.0 / pairs["rank"]).cast(pl.Float32).to_numpy()
    return EdgeList(pairs["source"].cast(pl.Int32).to_numpy(), pairs["target"].cast(pl.Int32).to_numpy(), None, weight)


def _bought_with(recipe: Recipe, events: EventNodes, positive: Bool, cuts: Cuts, num_nodes: dict[str, int]) -> Iterator[Relation]:
    settings = recipe.edges.bought_with
    assert settings is not None
    bought = positive & (events.user >= 0) if settings.by == "user" else positive
    key = events.user[bought].astype(np.int64) if settings.by == "user" else events.session[bought]
    _, basket = np.unique(key, return_inverse=True)
    training = events.time[: np.searchsorted(events.time, cuts.validation)]
    inside = training[np.linspace(0, len(training), settings.snapshots + 1).astype(np.int64)[1:-1]]
    snapshots = np.array(sorted({*inside.tolist(), cuts.validation, cuts.test, int(events.time[-1]) + 1}), dtype=np.int64)
    product, time = events.product[bought], events.time[bought]
    edges = count_bought_with(basket.astype(np.int64), product, time, snapshots, num_nodes["product"], settings)
    yield from _both(("product", "bought_with", "product"), edges, num_nodes, tuple(snapshots.tolist()))
