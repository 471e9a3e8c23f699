"""Open a graph folder: memory-mapped, in milliseconds, and seen as it was before any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import StringConstraints

from gnn_search.arrays import bisect_rows
from gnn_search.config.base import StrictModel
from gnn_search.errors import RequestError
from gnn_search.graph.csr import AGAIN, Csr, EdgeView
from gnn_search.graph.taxonomy import Taxonomy
from gnn_search.layout import STORED_NAME, GraphLayout
from gnn_search.manifest import Artefact, hash_manifest

EdgeType = tuple[str, str, str]
_Name = Annotated[str, StringConstraints(pattern=STORED_NAME)]
_GRAPH = Artefact("graph", AGAIN, "gnn-search build-graph")
SHOWN_ONLY = ("impression",)
"""Actions in which a product was only shown."""


class RelationInfo(StrictModel):
    """One stored relation. Timeless relations are always visible; `snapshots` are the times (µs) at which a derived one was made anew."""

    source: _Name
    relation: _Name
    target: _Name
    edges: int
    timed: bool
    snapshots: tuple[int, ...] = ()

    @property
    def edge_type(self) -> EdgeType:
        return (self.source, self.relation, self.target)


class GraphManifest(StrictModel):
    """What `graph.json` says of a graph. Times are µs since 1970 UTC."""

    format_version: int
    name: str
    recipe: dict[str, Any]
    num_nodes: dict[str, int]
    relations: tuple[RelationInfo, ...]
    actions: tuple[str, ...]
    labels: tuple[str, ...]
    num_examples: dict[str, int]
    time_first: int
    time_last: int
    validation_start: int
    test_start: int
    taxonomy_depth: int
    products_in_no_category: int
    rows_read: dict[str, int]
    rejects: dict[str, int]
    input_hash: str
    hash: str
    files: dict[str, int]


@dataclass(frozen=True)
class Graph:
    """A stored graph. Arrays are memory-mapped when first used."""

    path: Path
    manifest: GraphManifest
    _csr: dict[EdgeType, Csr] = field(default_factory=dict, repr=False, compare=False)
    _nodes: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, path: str | Path) -> Graph:
        """Open a graph folder.

        Raises:
            ArtefactError: The folder is no graph, is damaged or half-written, or is of another version.
        """
        layout = GraphLayout(Path(path))
        manifest = _GRAPH.read_manifest(layout.manifest, GraphManifest)
        _GRAPH.check_sizes(layout.root, manifest.files)
        return cls(layout.root, manifest)

    @property
    def layout(self) -> GraphLayout:
        return GraphLayout(self.path)

    @property
    def num_nodes(self) -> dict[str, int]:
        return self.manifest.num_nodes

    @cached_property
    def relations(self) -> dict[EdgeType, RelationInfo]:
        return {relation.edge_type: relation for relation in self.manifest.relations}

    @property
    def edge_types(self) -> list[EdgeType]:
        return list(self.relations)

    @cached_property
    def positive_actions(self) -> list[str]:
        """The shop's actions that are positive interactions; where it logs impressions alone, those."""
        return positive_actions_among(self.manifest.actions)

    @cached_property
    def positive_relations(self) -> list[EdgeType]:
        """The (user, ACTION, product) relations of the positive actions."""
        return [("user", action, "product") for action in self.positive_actions]

    @cached_property
    def related(self) -> list[str]:
        """The shop's related-product columns: of each the graph has the timeless relation (product, COLUMN, product)."""
        return list(self.manifest.recipe["tables"]["products"]["related"])

    @cached_property
    def taxonomy(self) -> Taxonomy:
        return Taxonomy.open(self.layout.taxonomy)

    def nodes(self, node_type: str) -> pl.DataFrame:
        """Return the nodes of a type, row i = node i; the first column is the shop's own id."""
        if node_type not in self._nodes:
            self._nodes[node_type] = self._read(self.layout.nodes(node_type))
        return self._nodes[node_type]

    def examples(self, split: str) -> pl.DataFrame:
        """Return the events of `train`, `validation` or `test` in time order, as node numbers."""
        return self._read(self.layout.examples(split))

    def _read(self, file: Path) -> pl.DataFrame:
        return _GRAPH.read_table(self.path, file)

    def csr(self, edge_type: EdgeType) -> Csr:
        """Return a relation's rows.

        Raises:
            RequestError: The graph has no such relation.
        """
        if edge_type not in self._csr:
            if edge_type not in self.relations:
                raise RequestError(f"the graph {self.path} has no relation {edge_type}; it has {self.edge_types}")
            self._csr[edge_type] = Csr.open(self.layout.edges(*edge_type), timed=self.relations[edge_type].timed)
        return self._csr[edge_type]

    def with_users(self, users: pl.DataFrame, rows: Mapping[EdgeType, Csr]) -> Graph:
        """Return the same shop with other users, numbered from 0; relations whose rows are no users still tell of the old ones.

        Args:
            users: The users, with the columns of the graph's.
            rows: Their products and queries: every relation whose rows are users.
        """
        manifest = self.manifest.model_copy(update={"num_nodes": {**self.num_nodes, "user": users.height}})
        other = Graph(self.path, manifest, {**self._csr, **rows}, {**self._nodes, "user": users})
        # Where a cached property keeps its value; opened again for each request it would take a millisecond.
        vars(other)["taxonomy"] = self.taxonomy
        return other

    def before(self, time: int) -> GraphView:
        """Return the graph as it was known just before a time (µs)."""
        return GraphView(self, int(time))

    def verify(self) -> None:
        """Read every file and compare the hash of the content and of the manifest's other fields with the manifest's.

        Raises:
            ArtefactError: They differ.
        """
        found = graph_hash(self.manifest, self.path)
        if found != self.manifest.hash:
            raise _GRAPH.damaged(self.path, f"its content hashes to {found}, expected {self.manifest.hash}")


class GraphView:
    """A graph as it was known before a time.

    Visible are, of a timed relation, the edges earlier than that; of a derived one, the latest snapshot made by then; of a timeless
    one, all.
    """

    def __init__(self, graph: Graph, time: int) -> None:
        self.graph = graph
        self.time = time
        self._views: dict[EdgeType, EdgeView] = {}

    def edges(self, edge_type: EdgeType) -> EdgeView:
        """Return the visible part of a relation; one binary search a row, done once."""
        if edge_type not in self._views:
            self._views[edge_type] = self._cut(edge_type)
        return self._views[edge_type]

    def _cut(self, edge_type: EdgeType) -> EdgeView:
        csr = self.graph.csr(edge_type)
        starts, ends = csr.indptr[:-1], csr.indptr[1:]
        if csr.time is None:
            return EdgeView(csr, starts, ends)
        ends = bisect_rows(csr.time, starts, ends, self.time)
        snapshots = self.graph.relations[edge_type].snapshots
        if snapshots:
            made = [snapshot - 1 for snapshot in snapshots if snapshot - 1 < self.time]
            starts = bisect_rows(csr.time, starts, ends, made[-1]) if made else ends
        return EdgeView(csr, starts, ends)


def graph_hash(manifest: GraphManifest, root: Path) -> str:
    """Return the hash of a graph: of its files' content, and of all that the manifest says but the hash itself."""
    return hash_manifest(manifest, [root / name for name in sorted(manifest.files)])


def positive_actions_among(actions: Sequence[str]) -> list[str]:
    """Return the actions that are positive interactions: all but being shown a product, unless there are no others."""
    return [action for action in actions if action not in SHOWN_ONLY] or list(actions)


def to_datetime(time: int) -> datetime:
    """Return a time in µs as a UTC datetime without offset."""
    return datetime(1970, 1, 1) + timedelta(microseconds=int(time))


def to_time(time: datetime) -> int:
    """Return a datetime, UTC unless it has an offset, as µs since 1970."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
