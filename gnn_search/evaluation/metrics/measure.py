"""Names of measures: a metric at a cut-off, such as recall@10."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnn_search.evaluation.metrics.relevance import RELEVANCE_METRICS

SLICE_METRICS = ("recall", "ndcg", "mrr")
"""Metrics that every slice reports; the others are reported of all cases, and by comparisons of runs."""
GRADED, SPEND = "ndcg:graded", "recall:spend"
"""NDCG in which a purchase counts more than a click; and the share of the money spent that the lists hold.

The latter is an offline proxy of order value."""
ACTION_PREFIX = "recall:"
"""Before the name of an action: recall of the products with that action.

It is an offline proxy: of the add-to-cart rate for carts, of conversion for purchases."""
DIVERSITY, NOVELTY, REPEATS = "diversity", "novelty", "repeat_share"
LIST_METRICS = (DIVERSITY, NOVELTY, REPEATS)
"""Metrics of the lists alone, whatever is relevant."""


@dataclass(frozen=True)
class Measure:
    """A metric at a cut-off."""

    metric: str
    k: int

    def __str__(self) -> str:
        return f"{self.metric}@{self.k}"

    @property
    def action(self) -> str | None:
        """The action whose products alone count as relevant, if any."""
        if self.metric.startswith(ACTION_PREFIX) and self.metric != SPEND:
            return self.metric.removeprefix(ACTION_PREFIX)
        return None

    @property
    def is_share(self) -> bool:
        """Whether it lies between 0 and 1, and is shown as a percentage."""
        return self.metric not in (DIVERSITY, NOVELTY)

    @property
    def of_list_alone(self) -> bool:
        """Whether it needs no relevant products."""
        return self.metric in LIST_METRICS


def measures(k: Sequence[int], actions: Sequence[str] = (), *, graded: bool = False, spend: bool = False) -> list[Measure]:
    """Return every measure that a shop's data allow.

    Args:
        k: Cut-offs. Metrics of the lists alone are measured at the smallest, which is what a user sees first.
        actions: Kinds of action to measure apart.
        graded: Whether relevant products have grades.
        spend: Whether it is known what was spent.
    """
    further = [*([GRADED] if graded else []), *(ACTION_PREFIX + action for action in actions), *([SPEND] if spend else [])]
    relevance = [Measure(metric, cut) for metric in (*RELEVANCE_METRICS, *further) for cut in k]
    return relevance + [Measure(metric, min(k)) for metric in LIST_METRICS]
