"""Tables of methods by measures, with intervals and marks of significance."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.metrics.measure import LIST_METRICS, Measure
from gnn_search.evaluation.result import Evaluation, Score, score_or_none
from gnn_search.report.methods import is_part, subject

Mark = Literal["above", "below", "level"]
Role = Literal["model", "part", "other"]
_FIRST = ("recall", "ndcg", "mrr", "hit_rate")
"""Metrics of the main table at the first cut-off; recall at the last stands beside them."""
_WIDEST = 5
"""Measures of a table, at most."""


class Cell(StrictModel):
    """One score, its 95 % interval, and how it stands to the model by the corrected test, where one was made."""

    mean: float
    low: float
    high: float
    mark: Mark | None
    best: bool


class Row(StrictModel):
    """One method; `role` says what it is to the page."""

    method: str
    role: Role
    cells: tuple[Cell | None, ...]


class MeasureColumn(StrictModel):
    """One measure; `percent` says whether it is a share, shown as such."""

    name: str
    percent: bool


class MeasureTable(StrictModel):
    """Methods by measures over all cases, the best by the first measure on top."""

    columns: tuple[MeasureColumn, ...]
    rows: tuple[Row, ...]


def main_measures(evaluation: Evaluation) -> list[Measure]:
    """Return what the main table shows."""
    first, last = min(evaluation.k), max(evaluation.k)
    wanted = [*(Measure(metric, first) for metric in _FIRST), *([Measure("recall", last)] if last != first else [])]
    held = evaluation.measures()
    return [measure for measure in wanted if (measure.metric, measure.k) in held]


def further_measures(evaluation: Evaluation) -> list[list[Measure]]:
    """Return all other measures, spread evenly over as few tables as a sheet of paper holds."""
    shown = main_measures(evaluation)
    rest = [measure for measure in (Measure(metric, k) for metric, k in evaluation.measures()) if measure not in shown]
    width = max(1, ceil(len(rest) / max(1, ceil(len(rest) / _WIDEST))))
    return [rest[start : start + width] for start in range(0, len(rest), width)]


def measure_table(evaluation: Evaluation, wanted: Sequence[Measure]) -> MeasureTable:
    """Put every method's score by some measures into a table."""
    first = evaluation.slices[0]
    scores = {
        (method, measure): score
        for method in evaluation.methods
        for measure in wanted
        if (score := score_or_none(evaluation.score, method, first, measure.metric, measure.k)) is not None
    }
    best = {measure: max((score.mean for key, score in scores.items() if key[1] == measure), default=0.0) for measure in wanted}
    rows = []
    for method in evaluation.methods:
        cells = []
        for measure in wanted:
            score = scores.get((method, measure))
            tops = score is not None and not measure.of_list_alone and score.mean == best[measure]
            cells.append(None if score is None else _cell(evaluation, score, tops))
        role: Role = "model" if method == subject(evaluation) else "part" if is_part(evaluation, method) else "other"
        rows.append(Row(method=method, role=role, cells=tuple(cells)))
    rows.sort(key=lambda row: -(row.cells[0].mean if row.cells and row.cells[0] is not None else 0.0))
    columns = tuple(MeasureColumn(name=str(measure), percent=measure.is_share) for measure in wanted)
    return MeasureTable(columns=columns, rows=tuple(rows))


def _cell(evaluation: Evaluation, score: Score, best: bool) -> Cell:
    mark: Mark | None = None
    difference = score_or_none(evaluation.difference, score.method, score.slice, score.metric, score.k)
    # That one list is more diverse than another is no merit by itself.
    if difference is not None and difference.p_adjusted is not None and score.metric not in LIST_METRICS:
        mark = "level" if not difference.significant else "below" if difference.mean > 0 else "above"
    return Cell(mean=score.mean, low=score.low, high=score.high, mark=mark, best=best)
