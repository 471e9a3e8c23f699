"""The names of what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RELEVANCE = ("recall", "precision", "ndcg", "mrr", "map", "hit_rate")
"""Metrics that every shop has: all of them compare the lists with what was chosen."""
OF_SLICES = ("recall", "ndcg", "mrr")
"""Metrics that are reported of each slice; the others of all cases, and by comparisons of runs."""
GRADED, SPEND = "ndcg:graded", "recall:spend"
"""NDCG in which a purchase is worth more than a click; and the share of the money spent that the lists hold.

The latter stands offline for order value."""
OF_ACTION = "recall:"
"""Before the name of an action: recall of what was chosen by it.

Of carts it stands offline for the add-to-cart rate, of purchases for conversion."""
DIVERSITY, NOVELTY, REPEATS = "diversity", "novelty", "repeat_share"
OF_LISTS = (DIVERSITY, NOVELTY, REPEATS)
"""Metrics that tell of the lists alone, whatever was chosen."""


@dataclass(frozen=True)
class Measure:
    """A metric at a cut-off."""

    metric: str
    k: int

    def __str__(self) -> str:
        return f"{self.metric}@{self.k}"

    @property
    def action(self) -> str | None:
        """The action whose choices alone count, if any."""
        if self.metric.startswith(OF_ACTION) and self.metric != SPEND:
            return self.metric.removeprefix(OF_ACTION)
        return None

    @property
    def of_lists(self) -> bool:
        """Whether it tells of the lists alone."""
        return self.metric in OF_LISTS


def measures(k: Sequence[int], actions: Sequence[str] = (), *, graded: bool = False, spend: bool = False) -> list[Measure]:
    """Return every measure that a shop's data allow.

    Args:
        k: Cut-offs. The lists themselves are measured at the smallest, which is what a shopper sees first.
        actions: Kinds of action to tell apart.
        graded: Whether a choice has a grade.
        spend: Whether it is known what was spent.
    """
    further = [*([GRADED] if graded else []), *(OF_ACTION + action for action in actions), *([SPEND] if spend else [])]
    relevance = [Measure(metric, cut) for metric in (*RELEVANCE, *further) for cut in k]
    return relevance + [Measure(metric, min(k)) for metric in OF_LISTS]
