"""Measure all that an evaluation says of new words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnn_search.evaluation.result import Evaluation
from gnn_search.evaluation.robustness.perturbed import measure_perturbed
from gnn_search.evaluation.robustness.typed import measure_typed
from gnn_search.evaluation.robustness.typed_queries import AcceptedCategories, TypedQueries, accepted_categories, read_typed_queries
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph
from gnn_search.progress import Progress
from gnn_search.retrieval.ranking import CaseRanker

PERTURBED, TYPED = "perturbed", "typed"
"""Names of the parts, in the evaluation and of their tables."""


@dataclass(frozen=True, eq=False)
class NewWords:
    """What is to be measured on new words.

    Attributes:
        limit: Most perturbed queries a kind, 0 for none.
        typed: Labelled queries and the categories that they accept, where a file was given.
    """

    limit: int
    typed: tuple[TypedQueries, AcceptedCategories] | None

    @classmethod
    def prepare(cls, limit: int, typed: str | Path | None, graph: Graph, say: Callable[[str], object]) -> NewWords:
        """Read the labelled queries, and say which of their categories the graph does not hold.

        Raises:
            RequestError: The file can't be read, or a line of it is not right.
        """
        if typed is None:
            return cls(limit, None)
        queries = read_typed_queries(Path(typed))
        categories = accepted_categories(queries, graph)
        if categories.unknown:
            path, line = categories.unknown[0]
            lost = f"; {len(categories.unanswerable)} queries accept no other" if len(categories.unanswerable) else ""
            say(f"{len(categories.unknown)} accepted category paths of {typed} are not in the graph, such as '{path}' in line {line}{lost}")
        return cls(limit, (queries, categories))

    def measure(
        self, evaluation: Evaluation, cases: Cases, graph: Graph, rankers: Sequence[CaseRanker], progress: Progress
    ) -> tuple[Evaluation, Mapping[str, pl.DataFrame]]:
        """Add what was measured to an evaluation of the cases.

        Returns:
            The evaluation, and by name the tables with every query; what was not measured is missing.
        """
        resampled = evaluation.n_resamples, evaluation.seed
        found = {
            PERTURBED: measure_perturbed(cases, graph, rankers, self.limit, *resampled, progress) if self.limit else None,
            TYPED: None if self.typed is None else measure_typed(*self.typed, graph, rankers, *resampled, progress),
        }
        results = {name: part[0] for name, part in found.items() if part is not None}
        return evaluation.model_copy(update=results), {name: part[1] for name, part in found.items() if part is not None}
