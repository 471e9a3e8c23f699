"""What the page says of judged queries."""

from __future__ import annotations

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.metrics.measure import Measure
from gnn_search.evaluation.result import Evaluation
from gnn_search.evaluation.table import ON_JUDGEMENTS
from gnn_search.report.measure_table import MeasureTable, measure_table


class JudgementPart(StrictModel):
    """All methods on the judged queries: over the whole catalogue, and on the products judged for each query alone."""

    queries: int
    products: int
    catalogue: MeasureTable
    pool: MeasureTable


def describe_judgements(evaluation: Evaluation) -> JudgementPart | None:
    """Return the tables of a run's judged queries; None where it has none."""
    catalogue, pool = evaluation.judgements, evaluation.pool
    if catalogue is None or pool is None:
        return None
    tables = [measure_table(part, _shown(part)) for part in (catalogue, pool)]
    return JudgementPart(queries=catalogue.cases, products=catalogue.candidates, catalogue=tables[0], pool=tables[1])


def _shown(part: Evaluation) -> list[Measure]:
    first = min(part.k)
    return [Measure(metric, k) for metric, k in part.measures() if metric in ON_JUDGEMENTS and (k == first or metric == "recall")]
