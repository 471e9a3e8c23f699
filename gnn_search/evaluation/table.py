"""Show an evaluation as tables that fit 100 columns."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gnn_search.evaluation.metrics.measure import GRADED, LIST_METRICS, SPEND, Measure
from gnn_search.evaluation.result import Difference, Estimate, Evaluation, Score, ThresholdScore, score_or_none
from gnn_search.evaluation.robustness.table import new_word_tables
from gnn_search.evaluation.significance import FEWEST_USERS, too_small

_COLUMNS, _WIDTH = 4, 12
_BEST = "*"
ON_JUDGEMENTS = ("recall", GRADED, "mrr")
"""Metrics that are shown of judged queries."""
_ABOVE, _BELOW = "▲", "▼"
_TEST = "paired permutation test over users, 5 % after Holm's correction"


def heading(measure: Measure) -> str:
    """Return a measure's name as a heading, in two lines where one is too wide."""
    name = str(measure)
    return name if len(name) <= _WIDTH else f"{measure.metric}\n@{measure.k}"


def render_evaluation(evaluation: Evaluation) -> Group:
    """Return the tables, each at most 100 columns wide: recall by slice, every measure over all cases, differences, costs."""
    cut = min(evaluation.k)
    first = evaluation.slices[0]
    by_slice = [(_slice_heading(evaluation, name, cut), (name, "recall", cut)) for name in evaluation.slices]
    by_measure = [(heading(Measure(metric, k)), (first, metric, k)) for metric, k in evaluation.measures()]
    made = [_scores(evaluation, f"recall@{cut} by slice", part) for part in _parts(by_slice)]
    made[0].caption = (
        f"{evaluation.cases:,} cases of {evaluation.users:,} users over {evaluation.candidates:,} products. ± half the 95 % bootstrap "
        f"interval over users ({evaluation.n_resamples:,} resamples); {_BEST} best of the column (no mark below {FEWEST_USERS} users)."
        + (f" {_ABOVE} significantly above {evaluation.reference}, {_BELOW} below ({_TEST})." if evaluation.reference is not None else "")
    )
    made += [_scores(evaluation, f"{first}: every measure", part) for part in _parts(by_measure)]
    made[-1].caption = _explain(evaluation)
    if evaluation.reference is not None and len(evaluation.methods) > 1:
        title = f"{evaluation.reference} minus each method: recall@{cut} by slice"
        made += [_differences(evaluation, title, part) for part in _parts(by_slice)]
        made[-1].caption = (
            f"{_ABOVE} significantly above zero, {_BELOW} below ({_TEST}). detectable: the smallest true difference to any of them that "
            "these cases would show in four of five tries."
        )
    if evaluation.threshold is not None:
        made.append(_at_threshold(evaluation.threshold))
    made += [*_on_judgements(evaluation), *new_word_tables(evaluation.perturbed, evaluation.typed)]
    return Group(*made, _costs(evaluation))


def _on_judgements(evaluation: Evaluation) -> list[Table]:
    """Return the tables of the judged queries: over the whole catalogue and on their pools."""
    made = []
    for part, where in ((evaluation.judgements, "the whole catalogue"), (evaluation.pool, "the products judged for each")):
        if part is None:
            continue
        shown = [key for key in ON_JUDGEMENTS if key in {metric for metric, _ in part.measures()}]
        columns = [(heading(Measure(metric, k)), (part.slices[0], metric, k)) for metric, k in part.measures() if metric in shown]
        made += [_scores(part, f"{part.cases:,} judged queries over {where}", columns) for columns in _parts(columns)]
    if made:
        made[-1].caption = (
            "ndcg:graded takes the gain of each grade, and nothing for a product that nobody judged. On the products judged for each "
            "query, a method that does not rank one loses it."
        )
    return made


_Column = tuple[str, tuple[str, str, int]]


def _parts(columns: Sequence[_Column]) -> list[Sequence[_Column]]:
    """Spread the columns evenly over as few tables as fit them."""
    width = ceil(len(columns) / ceil(len(columns) / _COLUMNS))
    return [columns[start : start + width] for start in range(0, len(columns), width)]


def _slice_heading(evaluation: Evaluation, name: str, cut: int) -> str:
    score = evaluation.score(evaluation.methods[0], name, "recall", cut)
    return f"{name}\n{score.cases:,}{' (few)' if too_small(score.users) else ''}"


def _table(title: str, columns: Sequence[_Column]) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("method", no_wrap=True, max_width=26)
    for heading, _ in columns:
        table.add_column(heading, justify="right", overflow="fold", max_width=_WIDTH + 1)
    return table


def _explain(evaluation: Evaluation) -> str:
    metrics = {metric for metric, _ in evaluation.measures()}
    lines = []
    if any(Measure(metric, 1).action for metric in metrics):
        lines.append("Recall of one action is an offline proxy for what only a live test shows: of carts for the add-to-cart rate, of")
        lines.append("purchases for conversion.")
    if SPEND in metrics:
        lines.append("recall:spend, the share of the money spent that the lists hold, is an offline proxy for order value.")
    lines.append("diversity: mean steps over the category tree between two products of a list; novelty: bits, high for rare products;")
    lines.append("repeat_share: share of a list that its user had interacted with before.")
    return " ".join(lines)


def _scores(evaluation: Evaluation, title: str, columns: Sequence[_Column]) -> Table:
    table = _table(title, columns)
    found = {(method, key): score_or_none(evaluation.score, method, *key) for method in evaluation.methods for _, key in columns}
    best = {key: max((score.mean for (_, of), score in found.items() if of == key and score is not None), default=0) for _, key in columns}
    for method in evaluation.methods:
        cells = []
        for _, key in columns:
            score = found[method, key]
            wins = score is not None and not too_small(score.users) and score.mean == best[key] and key[1] not in LIST_METRICS
            cells.append(_score_cell(score, wins, _against_reference(evaluation, method, key)))
        table.add_row(method, *cells)
    return table


def _differences(evaluation: Evaluation, title: str, columns: Sequence[_Column]) -> Table:
    table = _table(title, columns)
    others = [method for method in evaluation.methods if method != evaluation.reference]
    for method in others:
        table.add_row(method, *(_difference_cell(score_or_none(evaluation.difference, method, *key)) for _, key in columns))
    table.add_section()
    seen = [[score_or_none(evaluation.difference, method, *key) for method in others] for _, key in columns]
    table.add_row("detectable", *(short(max(one.detectable or 0.0 for one in column if one is not None)) for column in seen))
    return table


def _against_reference(evaluation: Evaluation, method: str, key: tuple[str, str, int]) -> str:
    """Return the mark of a method that is significantly above or below the reference."""
    difference = score_or_none(evaluation.difference, method, *key)
    if difference is None or not difference.significant or too_small(difference.users):
        return " "
    return _BELOW if difference.mean > 0 else _ABOVE


def _score_cell(score: Score | None, best: bool, mark: str) -> Text:
    if score is None:
        return Text("-")
    return Text(f"{_with_half(score)}{_BEST if best else ' '}{mark}", style="bold" if best else "")


def _difference_cell(difference: Difference | None) -> Text:
    if difference is None:
        return Text("-")
    mark, style = " ", ""
    if difference.significant and not too_small(difference.users):
        mark, style = (_ABOVE, "green") if difference.mean > 0 else (_BELOW, "red")
    sign = "-" if difference.mean < 0 else "+"
    return Text(f"{sign}{_with_half(difference)}{mark}", style=style)


def _with_half(estimate: Estimate) -> str:
    return f"{short(abs(estimate.mean))} ±{short((estimate.high - estimate.low) / 2)}"


def short(value: float, places: int = 3) -> str:
    """Write a share without its leading zero."""
    return f"{value:.{places}f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def _at_threshold(score: ThresholdScore) -> Table:
    table = Table(title=f"{score.method}: at most {score.k} products that score at least {score.min_score:.3f}", title_justify="left")
    for heading in ("precision", "recall", "products a list", "empty lists"):
        table.add_column(heading, justify="right")
    shares = ("-" if share is None else _with_half(share) for share in (score.precision, score.recall))
    table.add_row(*shares, f"{score.listed:.1f}", f"{score.empty:.1%}")
    return table


def _costs(evaluation: Evaluation) -> Table:
    cut = min(evaluation.k)
    table = Table(title="ranking all cases", title_justify="left")
    table.add_column("method", no_wrap=True, max_width=26)
    for heading in ("wall s", "CPU s", f"products in any top {cut}", "of the catalogue"):
        table.add_column(heading, justify="right")
    covered = {one.method: (f"{one.products:,}", f"{one.share:.1%}") for one in evaluation.coverage}
    for cost in evaluation.costs:
        table.add_row(cost.method, f"{cost.wall_seconds:.1f}", f"{cost.cpu_seconds:.1f}", *covered.get(cost.method, ("-", "-")))
    return table
