"""Show an evaluation as tables that fit 100 columns."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gnn_search.evaluation.metrics import measures
from gnn_search.evaluation.result import Difference, Estimate, Evaluation, Score, ThresholdScore
from gnn_search.evaluation.small import FEWEST, too_small

_COLUMNS = 4
_BEST = "*"
_ABOVE, _BELOW = "▲", "▼"


def render(evaluation: Evaluation) -> Group:
    """Return the tables of an evaluation: each slice by the first recall, all cases by every measure, differences, costs."""
    return Group(*tables(evaluation))


def tables(evaluation: Evaluation) -> list[Table]:
    """Return the tables one by one, each at most 100 columns wide."""
    cut = min(evaluation.k)
    first = evaluation.slices[0]
    by_slice = [(_slice_heading(evaluation, name, cut), (name, "recall", cut)) for name in evaluation.slices]
    by_measure = [(str(measure), (first, measure.metric, measure.k)) for measure in measures(evaluation.k)]
    made = [_scores(evaluation, f"recall@{cut} by slice", part) for part in _parts(by_slice)]
    made += [_scores(evaluation, f"{first}: every measure", part) for part in _parts(by_measure)]
    if evaluation.reference is not None and len(evaluation.methods) > 1:
        title = f"{evaluation.reference} minus each method"
        made += [_differences(evaluation, f"{title}: recall@{cut} by slice", part) for part in _parts(by_slice)]
        made += [_differences(evaluation, f"{title}: {first}, every measure", part) for part in _parts(by_measure)]
    made[0].caption = (
        f"{evaluation.cases:,} cases of {evaluation.users:,} shoppers over {evaluation.candidates:,} products. ± half the 95 % bootstrap "
        f"interval over shoppers ({evaluation.draws:,} draws); {_BEST} best of the column (no mark below {FEWEST} cases)."
    )
    if evaluation.threshold is not None:
        made.append(_at_threshold(evaluation.threshold))
    return [*made, _costs(evaluation)]


_Column = tuple[str, tuple[str, str, int]]


def _parts(columns: Sequence[_Column]) -> list[Sequence[_Column]]:
    """Spread the columns evenly over as few tables as fit them."""
    width = ceil(len(columns) / ceil(len(columns) / _COLUMNS))
    return [columns[start : start + width] for start in range(0, len(columns), width)]


def _slice_heading(evaluation: Evaluation, name: str, cut: int) -> str:
    cases = evaluation.score(evaluation.methods[0], name, "recall", cut).cases
    return f"{name}\n{cases:,}{' (few)' if too_small(cases) else ''}"


def _table(title: str, columns: Sequence[_Column]) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("method", no_wrap=True, max_width=26)
    for heading, _ in columns:
        table.add_column(heading, justify="right", overflow="fold", max_width=12)
    return table


def _scores(evaluation: Evaluation, title: str, columns: Sequence[_Column]) -> Table:
    table = _table(title, columns)
    best = {key: max(evaluation.score(method, *key).mean for method in evaluation.methods) for _, key in columns}
    for method in evaluation.methods:
        scores = [(key, evaluation.score(method, *key)) for _, key in columns]
        table.add_row(method, *(_score_cell(score, _says_something(score) and score.mean == best[key]) for key, score in scores))
    return table


def _differences(evaluation: Evaluation, title: str, columns: Sequence[_Column]) -> Table:
    table = _table(title, columns)
    table.caption = f"{_ABOVE} the whole interval lies above zero, {_BELOW} below."
    for method in evaluation.methods:
        if method != evaluation.reference:
            table.add_row(method, *(_difference_cell(evaluation.difference(method, *key)) for _, key in columns))
    return table


def _says_something(score: Score) -> bool:
    return not too_small(score.cases)


def _score_cell(score: Score, best: bool) -> Text:
    return Text(f"{_short(score.mean)} ±{_half(score)}{_BEST if best else ' '}", style="bold" if best else "")


def _difference_cell(difference: Difference) -> Text:
    mark, style = (_ABOVE, "green") if difference.low > 0 else (_BELOW, "red") if difference.high < 0 else (" ", "")
    if not _says_something(difference):
        mark, style = " ", ""
    sign = "-" if difference.mean < 0 else "+"
    return Text(f"{sign}{_short(abs(difference.mean))} ±{_half(difference)}{mark}", style=style)


def _half(score: Score) -> str:
    return _short((score.high - score.low) / 2)


def _short(value: float) -> str:
    """Write a share with three places and no leading zero."""
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def _at_threshold(score: ThresholdScore) -> Table:
    table = Table(title=f"{score.method}: at most {score.k} products that score at least {score.min_score:.3f}", title_justify="left")
    for heading in ("precision", "recall", "products a list", "empty lists"):
        table.add_column(heading, justify="right")
    table.add_row(_estimate(score.precision), _estimate(score.recall), f"{score.listed:.1f}", f"{score.empty:.1%}")
    return table


def _estimate(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{_short(estimate.mean)} ±{_short((estimate.high - estimate.low) / 2)}"


def _costs(evaluation: Evaluation) -> Table:
    table = Table(title="ranking all cases", title_justify="left")
    table.add_column("method", no_wrap=True, max_width=26)
    table.add_column("wall s", justify="right")
    table.add_column("CPU s", justify="right")
    for cost in evaluation.costs:
        table.add_row(cost.method, f"{cost.wall_seconds:.1f}", f"{cost.cpu_seconds:.1f}")
    return table
