"""Compare methods of runs on new words, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.arrays import Float64, Int32
from gnn_search.evaluation.robustness.measure import PERTURBED, TYPED
from gnn_search.evaluation.robustness.perturbed import PerturbedRun, score_perturbed
from gnn_search.evaluation.robustness.result import ALL_KINDS, NewWordDifference, PerturbedScore, TypedScore
from gnn_search.evaluation.robustness.typed import TypedRun, score_typed
from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.evaluation.significance import mean_interval

_KEYS = {PERTURBED: ("kind", "case", "text"), TYPED: ("id", "query", "kind")}
_VALUES = {PERTURBED: ("recall", "perturbed_recall", "none", "perturbed_none"), TYPED: ("good", "none")}
_COMPARED = {PERTURBED: {"recall": "perturbed_recall", "none": "perturbed_none"}, TYPED: {"good": "good", "none": "none"}}
"""By the name of a measure: the column that is compared."""


@dataclass(frozen=True, eq=False)
class ComparedWords:
    """What several methods have on the queries that all of them were measured on; a score's method is its mark."""

    perturbed: tuple[PerturbedScore, ...]
    typed: tuple[TypedScore, ...]
    differences: tuple[NewWordDifference, ...]


def compare_new_words(entries: Sequence[tuple[str, RunFolder, str]], n_resamples: int, seed: int) -> ComparedWords:
    """Compare on perturbed and on labelled queries, each later method with the first that was measured there.

    A method that answers no texts, and one of a run without such queries, is left out.

    Args:
        entries: Mark, run and name of each method.
        n_resamples: Bootstrap resamples: over users where queries are perturbed, else over queries.
        seed: Of the resamples.
    """
    found = {part: _common_rows(part, entries) for part in (PERTURBED, TYPED)}
    perturbed: list[PerturbedScore] = []
    typed: list[TypedScore] = []
    differences: list[NewWordDifference] = []
    for part, (marks, rows) in found.items():
        kinds = [ALL_KINDS] * (part == TYPED) + rows["kind"].unique(maintain_order=True).to_list() if rows.height else []
        for kind in kinds:
            some = rows if kind == ALL_KINDS else rows.filter(pl.col("kind") == kind)
            everything = np.ones(some.height, dtype=np.bool_)
            if part == PERTURBED:
                runs = [PerturbedRun(mark, *(_values(some, name, mark) for name in _VALUES[part])) for mark in marks]
                perturbed += score_perturbed(runs, kind, everything, _users(some, part), n_resamples, seed)
            else:
                typed += score_typed(
                    [TypedRun(mark, *(_values(some, n, mark) for n in _VALUES[part])) for mark in marks],
                    kind,
                    everything,
                    n_resamples,
                    seed,
                )
            differences += [one for mark in marks[1:] for one in _differences(part, kind, some, mark, marks[0], n_resamples, seed)]
    return ComparedWords(tuple(perturbed), tuple(typed), tuple(differences))


def _common_rows(part: str, entries: Sequence[tuple[str, RunFolder, str]]) -> tuple[list[str], pl.DataFrame]:
    """Return the marks of those that were measured, and a row for each query that all have: its keys, user_node, and VALUE MARK."""
    marks: list[str] = []
    rows = pl.DataFrame()
    for mark, run, method in entries:
        table = run.new_words(part)
        mine = None if table is None else table.filter(pl.col("method") == method)
        if mine is None or not mine.height:
            continue
        user = [] if part == TYPED or marks else ["user_node"]
        mine = mine.select(*_KEYS[part], *user, *(pl.col(name).alias(f"{name} {mark}") for name in _VALUES[part]))
        rows = rows.join(mine, on=_KEYS[part], how="inner", maintain_order="left") if marks else mine
        marks.append(mark)
    return (marks, rows) if len(marks) > 1 else ([], pl.DataFrame())


def _values(rows: pl.DataFrame, name: str, mark: str) -> Float64:
    return rows[f"{name} {mark}"].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _users(rows: pl.DataFrame, part: str) -> Int32:
    """Return whose each row is, -1 for one that is its own."""
    return np.full(rows.height, -1, dtype=np.int32) if part == TYPED else rows["user_node"].fill_null(-1).to_numpy().astype(np.int32)


def _differences(
    part: str, kind: str, rows: pl.DataFrame, later: str, earlier: str, n_resamples: int, seed: int
) -> list[NewWordDifference]:
    """Return one method minus another on the queries of a kind, by each measure."""
    found = []
    for metric, column in _COMPARED[part].items():
        first, second = _values(rows, column, earlier), _values(rows, column, later)
        counted = ~np.isnan(first) & ~np.isnan(second)
        if not counted.any():
            continue
        values = np.stack([(second - first)[counted]], axis=1)
        mean, low, high = mean_interval(values, _users(rows, part)[counted], n_resamples, seed)
        found.append(
            NewWordDifference(
                later=later,
                earlier=earlier,
                part=part,
                kind=kind,
                metric=metric,
                queries=int(counted.sum()),
                value_earlier=float(first[counted].mean()),
                mean=float(mean[0]),
                low=float(low[0]),
                high=float(high[0]),
            )
        )
    return found
