"""Show a comparison as tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gnn_search.evaluation.metrics.measure import Measure
from gnn_search.evaluation.result import ChangedCase, ComparedMethod, Comparison, Difference, ListedProduct
from gnn_search.evaluation.robustness.result import NewWordDifference
from gnn_search.evaluation.significance import FEWEST_USERS, too_small
from gnn_search.evaluation.table import ON_JUDGEMENTS, heading, short

_COLUMNS = 6
_TITLE_WIDTH = 44


def render_comparison(comparison: Comparison) -> Group:
    """Return the tables: measures with marks, pairs, slices, new words, and the cases with the largest changes."""
    changed = [_change_table(comparison, case) for case in (*comparison.largest_gains, *comparison.largest_losses)]
    on_judgements = []
    for part, where in ((comparison.judgements, "over the whole catalogue"), (comparison.pool, "on the products judged for each")):
        if part is not None:
            on_judgements += [*_measure_tables(part, f"judged queries {where}"), _pair_table(part)]
    further = [*_slice_tables(comparison), *on_judgements, *_new_word_tables(comparison), *changed]
    return Group(*_measure_tables(comparison), _pair_table(comparison), *further)


def _name(comparison: Comparison, entry: ComparedMethod) -> str:
    """Return a name no longer than is needed to tell the entries apart."""
    runs = {one.run for one in comparison.entries}
    methods = {one.method for one in comparison.entries}
    parts = [*([entry.run] if len(runs) > 1 else []), *([entry.method] if len(methods) > 1 or len(runs) == 1 else [])]
    return ": ".join(parts)


def _measure_tables(comparison: Comparison, what: str | None = None) -> list[Table]:
    everything = comparison.slices[0]
    found = {(one.method, one.metric, one.k): one for one in comparison.scores if one.slice == everything}
    measures = list(dict.fromkeys((metric, k) for _, metric, k in found if what is None or metric in ON_JUDGEMENTS))
    counted = f"{everything}, {comparison.cases:,} cases of {comparison.users:,} users" if what is None else f"{comparison.cases:,} {what}"
    made = []
    for start in range(0, len(measures), _COLUMNS):
        table = Table(title=f"{comparison.graph}: {counted}")
        table.title_justify = table.caption_justify = "left"
        table.add_column("")
        table.add_column("run" if len({one.run for one in comparison.entries}) > 1 else "method", overflow="fold")
        for metric, k in measures[start : start + _COLUMNS]:
            table.add_column(heading(Measure(metric, k)), justify="right")
        for entry in comparison.entries:
            cells = []
            for metric, k in measures[start : start + _COLUMNS]:
                score = found.get((entry.mark, metric, k))
                marks = "".join(comparison.beaten(entry.mark, metric, k))
                best = max((one.mean for key, one in found.items() if key[1:] == (metric, k)), default=0.0)
                wins = score is not None and score.mean == best and bool(marks)
                cells.append(Text("-") if score is None else Text(f"{short(score.mean)} {marks}", style="bold" if wins else ""))
            table.add_row(entry.mark, _name(comparison, entry), *cells)
        made.append(table)
    made[-1].caption = (
        "Letters behind a figure: the lines that it beats significantly, by a paired permutation test over users, at 5 % after Holm's "
        "correction over all pairs of the measure."
    )
    return made


def _pair_table(comparison: Comparison) -> Table:
    shown = Measure(comparison.metric, comparison.k)
    table = Table(title=f"{shown}, pair by pair", title_justify="left", caption_justify="left")
    for title in ("pair", "difference [95 %]", "p, Holm", "effect size", "detectable", "win / tie / loss"):
        table.add_column(title, justify="left" if title == "pair" else "right")
    table.caption = (
        "effect size: mean of the users' differences divided by their standard deviation. detectable: the smallest true difference that "
        "these cases would show in four of five tries. win / tie / loss: by case."
    )
    differences = {(one.reference, one.method): one for one in _of(comparison, comparison.slices[0])}
    for wins in comparison.wins:
        one = differences.get((wins.later, wins.earlier))
        counts = f"{wins.wins:,} / {wins.ties:,} / {wins.losses:,}"
        if one is None:
            table.add_row(f"{wins.later} - {wins.earlier}", "-", "-", "-", "-", counts)
            continue
        p_value = "-" if one.p_adjusted is None else f"{one.p_adjusted:.4f}".removeprefix("0")
        effect = "-" if one.effect_size is None else f"{one.effect_size:+.2f}"
        detectable = "-" if one.detectable is None else short(one.detectable, 4)
        table.add_row(f"{wins.later} - {wins.earlier}", _difference(one, one.significant), p_value, effect, detectable, counts)
    return table


def _slice_tables(comparison: Comparison) -> list[Table]:
    """Return the differences to the first entry by slice."""
    shown = Measure(comparison.metric, comparison.k)
    others = [entry.mark for entry in comparison.entries[1:]]
    found = {(one.reference, one.slice): one for name in comparison.slices for one in _of(comparison, name) if one.method == "a"}
    made = []
    for start in range(0, len(others), 4):
        table = Table(title=f"{shown} by slice, minus that of a", title_justify="left", caption_justify="left")
        table.add_column("slice")
        table.add_column("cases", justify="right")
        for mark in others[start : start + 4]:
            table.add_column(f"{mark} - a [95 %]", justify="right")
        for name in comparison.slices:
            row = [found.get((mark, name)) for mark in others[start : start + 4]]
            cases = next((one.cases for one in row if one is not None), 0)
            table.add_row(name, f"{cases:,}", *("-" if one is None else _difference(one, _is_clear(one)) for one in row))
        table.caption = (
            f"Coloured where the whole bootstrap interval over users lies on one side of zero, from {FEWEST_USERS} users on; slices are "
            "not tested."
        )
        made.append(table)
    return made


def _is_clear(one: Difference) -> bool:
    """Say whether a slice's interval lies on one side of zero and is of enough users."""
    return not too_small(one.users) and (one.low > 0 or one.high < 0)


def _new_word_tables(comparison: Comparison) -> list[Table]:
    """Return the differences on perturbed and labelled queries, minus the first method that was measured there."""
    found: dict[tuple[str, ...], NewWordDifference] = {(one.part, one.kind, one.metric, one.later): one for one in comparison.new_words}
    made = []
    for part, title in (("perturbed", "queries with a small change"), ("typed", "typed queries")):
        mine = [one for one in comparison.new_words if one.part == part]
        rows, later = list(dict.fromkeys((one.kind, one.metric) for one in mine)), list(dict.fromkeys(one.later for one in mine))
        for start in range(0, len(later), 3):
            table = Table(title=f"{title}, minus that of {mine[0].earlier}", title_justify="left", caption_justify="left")
            table.add_column("kind")
            for name in (
                "measure",
                "queries",
                mine[0].earlier,
                *(f"{mark} - {mine[0].earlier} [95 %]" for mark in later[start : start + 3]),
            ):
                table.add_column(name, justify="right")
            for kind, metric in rows:
                first, *rest = (found.get((part, kind, metric, mark)) for mark in later[start : start + 3])
                cells = [Text("-") if one is None else _difference(one, False) for one in (first, *rest)]
                shown = ("-", "-") if first is None else (f"{first.queries:,}", short(first.value_earlier))
                table.add_row(kind, metric, *shown, *cells)
            table.caption = (
                "recall: of the changed query. good: share of the first places of an accepted category. none: share of lists with none of "
                "the query's categories there, where less is better."
            )
            made.append(table)
    return made


def _change_table(comparison: Comparison, case: ChangedCase) -> Table:
    shown = Measure(comparison.metric, comparison.k)
    user = "an anonymous user" if case.user_id is None else f"user {case.user_id}"
    title = f"{shown} {short(case.value_earlier)} by {case.earlier}, {short(case.value_later)} by {case.later}: '{case.query}', {user}"
    table = Table(title=title, title_justify="left", caption_justify="left")
    for name in ("", f"{case.earlier}", f"{case.later}"):
        table.add_column(name, justify="left" if name else "right")
    for place, (earlier, later) in enumerate(zip_longest(case.list_earlier, case.list_later), start=1):
        table.add_row(str(place), _product(earlier), _product(later))
    table.caption = "relevant: " + "; ".join(one.title or one.product_id for one in case.relevant)
    return table


def _product(product: ListedProduct | None) -> Text:
    if product is None:
        return Text("")
    text = Text(("✓ " if product.relevant else "  ") + (product.title or product.product_id), style="green" if product.relevant else "")
    text.truncate(_TITLE_WIDTH, overflow="ellipsis")
    return text


def _of(comparison: Comparison, name: str) -> Sequence[Difference]:
    wanted = (name, comparison.metric, comparison.k)
    return [one for one in comparison.differences if (one.slice, one.metric, one.k) == wanted]


def _difference(one: Difference | NewWordDifference, clear: bool) -> Text:
    text = f"{_signed(one.mean)} [{_signed(one.low)}, {_signed(one.high)}]"
    return Text(text, style=("green" if one.mean > 0 else "red") if clear else "")


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{short(abs(value))}"
