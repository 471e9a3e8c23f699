"""All measures of a method's lists, case by case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.metrics.average_precision import average_precision
from gnn_search.evaluation.metrics.hit_rate import hit_rate
from gnn_search.evaluation.metrics.hits import Float64, Hits
from gnn_search.evaluation.metrics.measure import GRADED, SPEND, Measure
from gnn_search.evaluation.metrics.ndcg import best_gain, graded_ndcg, ndcg
from gnn_search.evaluation.metrics.precision import precision
from gnn_search.evaluation.metrics.recall import recall
from gnn_search.evaluation.metrics.reciprocal_rank import reciprocal_rank
from gnn_search.graph.csr import Int64

_OF_HITS: dict[str, Callable[[Hits, int], Float64]] = {
    "recall": recall,
    "precision": precision,
    "ndcg": ndcg,
    "mrr": reciprocal_rank,
    "map": average_precision,
    "hit_rate": hit_rate,
}


@dataclass(frozen=True, eq=False)
class Truth:
    """What was chosen in all cases.

    Shapes:
        case_of_row: int64[rows]; actions: bool[rows] a kind of action, empty where all are of one kind; grade, spend: float64[rows].
    """

    case_of_row: Int64
    num_cases: int
    actions: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    grade: Float64 | None = None
    spend: Float64 | None = None


@dataclass(frozen=True, eq=False)
class Listed:
    """What one method's lists are worth knowing for.

    Shapes:
        hits: where they hold relevant rows, of all cases; properties: float64[cases] by metric, NaN where a list has none.
    """

    hits: Hits
    properties: Mapping[str, Float64]


@dataclass(frozen=True, eq=False)
class Scored:
    """The measures of one method's lists in a selection. The mean of measure q is the sum of values[q] by the sum of weights[kind[q]].

    Shapes:
        values: float64[measures, cases], 0 where the weight is; weights: float64[kinds, cases]: whether a case counts, or what was spent in
        it; kind: int64[measures].
    """

    values: Float64
    weights: Float64
    kind: Int64


class Selection:
    """A selection of relevant rows: a case counts when it has one, and only selected rows count as relevant.

    Args:
        truth: What was chosen.
        rows: bool[rows], the selection.
        wanted: The measures.
    """

    def __init__(self, truth: Truth, rows: NDArray[np.bool_], wanted: Sequence[Measure]) -> None:
        self._truth, self._rows, self._wanted = truth, rows, wanted
        self._relevant = self._count(rows)
        self.counted = self._relevant > 0
        """bool[cases], the cases that count."""
        acted = {measure.action for measure in wanted if measure.action is not None}
        self._acted = {action: rows & truth.actions[action] for action in sorted(acted)}
        self._acted_relevant = {action: self._count(part) for action, part in self._acted.items()}
        self._spent: Float64 | None = None
        if truth.spend is not None and any(measure.metric == SPEND for measure in wanted):
            spent = np.bincount(truth.case_of_row[rows], weights=truth.spend[rows], minlength=truth.num_cases)
            self._spent = spent.astype(np.float64)
        self._best: dict[int, Float64] = {}
        if truth.grade is not None:
            cuts = {measure.k for measure in wanted if measure.metric == GRADED}
            self._best = {k: best_gain(truth.case_of_row[rows], truth.grade[rows], k, truth.num_cases) for k in cuts}

    def score(self, listed: Listed) -> Scored:
        """Measure the lists of one method."""
        hits = listed.hits.select(self._rows, self._relevant)
        acted = {action: listed.hits.select(rows, self._acted_relevant[action]) for action, rows in self._acted.items()}
        weights: dict[str, Float64] = {}
        values, kind = [], []
        for measure in self._wanted:
            name, value, weight = self._measure(measure, listed, hits, acted)
            if name not in weights:
                weights[name] = weight
            kind.append(list(weights).index(name))
            values.append(value)
        return Scored(np.stack(values), np.stack(list(weights.values())), np.array(kind))

    def _measure(self, measure: Measure, listed: Listed, hits: Hits, acted: Mapping[str, Hits]) -> tuple[str, Float64, Float64]:
        """Return the name of what weighs the cases, the values and the weights."""
        if measure.of_lists:
            value = listed.properties[measure.metric]
            defined = self.counted & ~np.isnan(value)
            return measure.metric, np.where(defined, value, 0.0), defined.astype(np.float64)
        if measure.action is not None:
            part = acted[measure.action]
            return measure.metric, recall(part, measure.k), (part.relevant > 0).astype(np.float64)
        if measure.metric == SPEND:
            assert self._spent is not None
            assert self._truth.spend is not None
            return SPEND, hits.sum_by_case(self._truth.spend[hits.row], measure.k), self._spent
        if measure.metric == GRADED:
            assert self._truth.grade is not None
            value = graded_ndcg(hits, measure.k, self._truth.grade, self._best[measure.k])
        else:
            value = _OF_HITS[measure.metric](hits, measure.k)
        return "", value, self.counted.astype(np.float64)

    def _count(self, rows: NDArray[np.bool_]) -> Int64:
        return np.bincount(self._truth.case_of_row[rows], minlength=self._truth.num_cases)
