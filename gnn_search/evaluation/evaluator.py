"""Score runs against qrels, case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Bool, Float64, Int64
from gnn_search.evaluation.metrics.hits import Hits
from gnn_search.evaluation.metrics.measure import GRADED, SPEND, Measure
from gnn_search.evaluation.metrics.relevance import RELEVANCE_METRICS, best_gain, graded_ndcg, recall
from gnn_search.evaluation.qrels import Qrels
from gnn_search.evaluation.run import Run


@dataclass(frozen=True, eq=False)
class QueryScores:
    """What each case scores. The mean of measure q is the sum of values[q] divided by the sum of weights[kind[q]].

    Shapes:
        - values: float64 [measures, cases], 0 where the weight is
        - weights: float64 [kinds, cases]: whether a case counts, or what was spent in it
        - kind: int64 [measures]
    """

    values: Float64
    weights: Float64
    kind: Int64

    def means_by_case(self) -> Float64:
        """Return what each case has by each measure, float64 [measures, cases], NaN where it is not defined."""
        weights = self.weights[self.kind]
        return np.asarray(np.divide(self.values, weights, out=np.full(self.values.shape, np.nan), where=weights > 0))


class Evaluator:
    """Scores runs in one slice: a case counts when it has a relevant row in the slice, and only those rows count as relevant.

    For graded NDCG every row of the slice counts, by its grade.

    Args:
        rows: bool [rows], the slice; None takes all rows.
    """

    def __init__(self, qrels: Qrels, rows: Bool | None, measures: Sequence[Measure]) -> None:
        graded = np.ones(len(qrels.case_of_row), dtype=np.bool_) if rows is None else rows
        rows = graded if qrels.relevant is None else graded & qrels.relevant
        self._graded = graded
        self._qrels, self._rows, self._measures = qrels, rows, measures
        self._relevant = self._count(rows)
        self.counted = self._relevant > 0
        """bool [cases], the cases that count."""
        actions = {measure.action for measure in measures if measure.action is not None}
        self._acted = {action: rows & qrels.actions[action] for action in sorted(actions)}
        self._acted_relevant = {action: self._count(part) for action, part in self._acted.items()}
        self._spent: Float64 | None = None
        if qrels.spend is not None and any(measure.metric == SPEND for measure in measures):
            spent = np.bincount(qrels.case_of_row[rows], weights=qrels.spend[rows], minlength=qrels.num_cases)
            self._spent = spent.astype(np.float64)
        self._best: dict[int, Float64] = {}
        if qrels.grade is not None:
            cuts = {measure.k for measure in measures if measure.metric == GRADED}
            self._best = {k: best_gain(qrels.case_of_row[graded], qrels.grade[graded], k, qrels.num_cases) for k in cuts}

    def score_run(self, run: Run) -> QueryScores:
        """Score the lists of one method."""
        hits = run.hits.select(self._rows, self._relevant)
        acted = {action: run.hits.select(rows, self._acted_relevant[action]) for action, rows in self._acted.items()}
        weights: dict[str, Float64] = {}
        values, kind = [], []
        for measure in self._measures:
            name, value, weight = self._score(measure, run, hits, acted)
            if name not in weights:
                weights[name] = weight
            kind.append(list(weights).index(name))
            values.append(value)
        return QueryScores(np.stack(values), np.stack(list(weights.values())), np.array(kind))

    def _score(self, measure: Measure, run: Run, hits: Hits, acted: Mapping[str, Hits]) -> tuple[str, Float64, Float64]:
        """Return the name of what weighs the cases, the values and the weights."""
        if measure.of_list_alone:
            value = run.list_values[measure.metric]
            defined = self.counted & ~np.isnan(value)
            return measure.metric, np.where(defined, value, 0.0), defined.astype(np.float64)
        if measure.action is not None:
            part = acted[measure.action]
            return measure.metric, recall(part, measure.k), (part.relevant > 0).astype(np.float64)
        if measure.metric == SPEND:
            assert self._spent is not None
            assert self._qrels.spend is not None
            return SPEND, hits.sum_by_case(self._qrels.spend[hits.row], measure.k), self._spent
        if measure.metric == GRADED:
            assert self._qrels.grade is not None
            graded = run.hits.select(self._graded, self._relevant)
            value = graded_ndcg(graded, measure.k, self._qrels.grade, self._best[measure.k])
        else:
            value = RELEVANCE_METRICS[measure.metric](hits, measure.k)
        return "", value, self.counted.astype(np.float64)

    def _count(self, rows: Bool) -> Int64:
        return np.bincount(self._qrels.case_of_row[rows], minlength=self._qrels.num_cases)
