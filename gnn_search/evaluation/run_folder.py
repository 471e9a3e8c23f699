"""Write the results of an evaluation case by case, with the shop's own ids, and open them again.

A run folder holds `evaluation.json`; `cases.parquet`, a row a case; `relevant.parquet`, a row a relevant product of a case, in the order of
the cases; `products.parquet`, titles of all products that are named; and `methods/NN.parquet`, a row a case: its measures, the ranks of its
relevant products, and the first places of its list. Where the graph has judgements, the run folders `judgements` and `pool` lie
inside, whose cases are judged queries; in these a row of `relevant.parquet` is a judged product, and says whether it is relevant. Where
they were measured, `perturbed.parquet` and `typed.parquet` hold a row for each method and perturbed or labelled query.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Int32, Int64
from gnn_search.evaluation.evaluator import Evaluator
from gnn_search.evaluation.metrics.hits import Hits
from gnn_search.evaluation.metrics.measure import LIST_METRICS, Measure
from gnn_search.evaluation.qrels import Qrels
from gnn_search.evaluation.result import Evaluation
from gnn_search.evaluation.run import RankedRun, Run
from gnn_search.evaluation.slices import Slice
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph
from gnn_search.layout import RunLayout, write_json
from gnn_search.manifest import Artefact

_RUN = Artefact("run", "evaluate again", "gnn-search evaluate MODEL --out FOLDER")


class RunWriter:
    """Writes a run folder; give it to `evaluate` as its recorder, then call `finish`.

    Args:
        root: Folder to write into, made here; a staged one, so that it comes into being whole.
    """

    def __init__(self, root: Path, graph: Graph) -> None:
        self._layout, self._graph = RunLayout(root), graph
        self._layout.method(0).parent.mkdir(parents=True)
        self._products = graph.nodes("product")
        self._named = np.zeros(self._products.height, dtype=np.bool_)
        self._case_of_row = np.empty(0, dtype=np.int64)
        self._methods = 0

    def inside(self, root: Path) -> RunWriter:
        """Return the writer of a further run of the same graph."""
        return RunWriter(root, self._graph)

    @property
    def layout(self) -> RunLayout:
        return self._layout

    def record_cases(self, cases: Cases, qrels: Qrels, slices: Sequence[Slice]) -> None:
        """Write the cases and their relevant products."""
        self._case_of_row = qrels.case_of_row
        self._named[cases.product] = True
        users, queries = self._graph.nodes("user"), self._graph.nodes("query")
        relevant = pl.DataFrame({"case": pl.Series(qrels.case_of_row, dtype=pl.UInt32), "product_id": self._ids(cases.product)})
        rows = {part.name: part.rows for part in slices}
        relevant = relevant.with_columns(
            actions=_names_of(qrels.actions, len(cases.product)),
            grade=pl.lit(None, pl.Float64) if qrels.grade is None else pl.Series(qrels.grade),
            spend=pl.lit(None, pl.Float64) if qrels.spend is None else pl.Series(qrels.spend),
            relevant=pl.lit(None, pl.Boolean) if qrels.relevant is None else pl.Series(qrels.relevant),
            slices=_names_of(rows, len(cases.product)),
        )
        relevant.write_parquet(self._layout.relevant)
        by_case = relevant.group_by("case", maintain_order=True).agg(
            pl.col("product_id").filter(pl.col("relevant").fill_null(True)).alias("relevant"),
            pl.col("slices").explode().drop_nulls().unique(maintain_order=True),
        )
        node = pl.Series(cases.user).replace(-1, None)
        frame = pl.DataFrame(
            {
                "case": pl.Series(np.arange(len(cases)), dtype=pl.UInt32),
                "user_id": users[users.columns[0]].gather(node),
                "user_node": node,
                "query": queries[queries.columns[0]].gather(pl.Series(cases.query)),
            }
        )
        labels = [cases.labels.to_struct("labels")] if cases.labels.width else []
        frame.with_columns(*labels).join(by_case, on="case", how="left", maintain_order="left").write_parquet(self._layout.cases)

    def record_method(self, name: str, ranked: RankedRun, wanted: Sequence[Measure], everything: Evaluator) -> None:
        """Write one method's measures, ranks and lists."""
        values = everything.score_run(ranked.run).means_by_case()
        self._named[ranked.first[ranked.first >= 0]] = True
        ranks = pl.DataFrame({"case": self._case_of_row, "ranks": pl.Series(ranked.place, dtype=pl.UInt16).replace(0, None)})
        lists = self._ids(ranked.first.ravel()).reshape(ranked.first.shape).arr.to_list().list.drop_nulls()
        frame = pl.DataFrame(
            {
                "case": pl.Series(np.arange(len(ranked.first)), dtype=pl.UInt32),
                **{str(measure): pl.Series(row).fill_nan(None) for measure, row in zip(wanted, values, strict=True)},
                "ranks": ranks.group_by("case", maintain_order=True).agg("ranks")["ranks"],
                "list": lists,
            }
        )
        frame.write_parquet(self._layout.method(self._methods))
        self._methods += 1

    def finish(self, evaluation: Evaluation, tables: Mapping[str, pl.DataFrame] = MappingProxyType({})) -> None:
        """Write the titles of all products that were named, further tables by name, and the evaluation."""
        for name, table in tables.items():
            table.write_parquet(self._layout.table(name))
        products = self._products.filter(pl.Series(self._named))
        paths = self._graph.nodes("category").select(pl.col("path").alias("category"), category_node=pl.int_range(pl.len(), dtype=pl.Int32))
        ids = products.columns[0]
        named = products.select(ids, "title", category_node="category").join(paths, on="category_node", how="left", maintain_order="left")
        named.drop("category_node").write_parquet(self._layout.products)
        write_json(self._layout.evaluation, evaluation.model_dump(mode="json"))

    def _ids(self, product: Int32) -> pl.Series:
        """Return the shop's ids, null for padding."""
        return self._products[self._products.columns[0]].gather(pl.Series(product).replace(-1, None))


@dataclass(frozen=True, eq=False)
class RunFolder:
    """A run folder, opened. Tables are read at first use."""

    path: Path
    evaluation: Evaluation

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a run folder.

        Raises:
            ArtefactError: It is absent, none that `evaluate --out` wrote, or damaged.
        """
        return cls(path, _RUN.read_manifest(RunLayout(path).evaluation, Evaluation))

    def part(self, name: Literal["judgements", "pool"]) -> RunFolder:
        """Return the run inside this one that is of judged queries."""
        return RunFolder.open(getattr(RunLayout(self.path), name))

    @cached_property
    def cases(self) -> pl.DataFrame:
        """A row a case: case, user_id, user_node, query, labels, relevant, slices."""
        return self._read(RunLayout(self.path).cases)

    @cached_property
    def relevant(self) -> pl.DataFrame:
        """A row a relevant product of a case: case, product_id, actions, grade, spend, relevant, slices."""
        return self._read(RunLayout(self.path).relevant)

    @cached_property
    def products(self) -> pl.DataFrame:
        """A row a product that is named: product_id, title, category."""
        return self._read(RunLayout(self.path).products)

    def method(self, name: str) -> pl.DataFrame:
        """Return a row a case: case, the measures, ranks, list."""
        return self._read(RunLayout(self.path).method(self.evaluation.methods.index(name)))

    def new_words(self, name: str) -> pl.DataFrame | None:
        """Return the table of `perturbed` or `typed` queries, a row for each method and query; None where they were not measured."""
        return None if getattr(self.evaluation, name) is None else self._read(RunLayout(self.path).table(name))

    def qrels(self) -> Qrels:
        """Return what is relevant."""
        rows = self.relevant
        names = sorted(set(rows["actions"].explode().drop_nulls().to_list()))
        known = {name: None if rows[name].is_null().all() else rows[name].to_numpy() for name in ("grade", "spend", "relevant")}
        actions = {name: rows["actions"].list.contains(name).to_numpy() for name in names}
        return Qrels(rows["case"].to_numpy().astype(np.int64), self.evaluation.cases, actions, **known)

    def slices(self) -> list[Slice]:
        """Return the slices that were reported."""
        return [Slice(name, self.relevant["slices"].list.contains(name).to_numpy()) for name in self.evaluation.slices]

    def read_run(self, name: str, case_of_row: Int64) -> Run:
        """Return the run of one method."""
        table = self.method(name)
        place = table["ranks"].explode().fill_null(0).to_numpy().astype(np.int32)
        cut = min(self.evaluation.k)
        list_values = {metric: table[str(Measure(metric, cut))].fill_null(np.nan).to_numpy() for metric in LIST_METRICS}
        return Run(Hits.from_places(place, case_of_row, self.evaluation.cases), list_values)

    def _read(self, file: Path) -> pl.DataFrame:
        return _RUN.read_table(self.path, file)


def hash_cases(cases: Cases) -> str:
    """Return the hash of all users, queries and relevant products, by their numbers in the graph."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (cases.user, cases.query, cases.indptr, cases.product):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _names_of(rows: Mapping[str, Bool], count: int) -> pl.Series:
    """Return the names that hold for each row, as lists of text."""
    rows = rows or {"": np.zeros(count, dtype=np.bool_)}
    flags = pl.DataFrame({str(place): pl.Series(holds) for place, holds in enumerate(rows.values())})
    named = [pl.when(str(place)).then(pl.lit(name)) for place, name in enumerate(rows)]
    return flags.select(names=pl.concat_list(named).list.drop_nulls())["names"]
