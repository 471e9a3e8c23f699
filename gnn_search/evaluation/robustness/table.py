"""Show what was found on new words as tables that fit 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from gnn_search.evaluation.robustness.result import ALL_KINDS, MeanInterval, PerturbedResult, TypedResult

_KINDS, _NARROWEST = 4, 70
"""Kinds of typed queries that a table holds beside each other; columns of the screen that it takes at least, for its title."""


def new_word_tables(perturbed: PerturbedResult | None, typed: TypedResult | None) -> list[Table]:
    """Return the tables of what was measured."""
    made = []
    if perturbed is not None and perturbed.scores:
        made += [_kept_table(perturbed), _none_table(perturbed)]
    if typed is not None:
        made += [_typed_table(typed, typed.kinds[start : start + _KINDS]) for start in range(0, len(typed.kinds), _KINDS)]
        made[-1].caption = (
            f"good@{typed.k}: share of the first {typed.k} places with a product of an accepted category. none@{typed.k}: share of queries "
            "with no such product there. ± half the 95 % bootstrap interval over queries."
        )
    return made


def percent_text(interval: MeanInterval | None) -> str:
    """Write a share in percent with half its interval."""
    return "-" if interval is None else f"{100 * interval.mean:.1f} ±{50 * (interval.high - interval.low):.1f}"


def _kept_table(found: PerturbedResult) -> Table:
    table = _table(f"recall@{found.k} kept when the query is changed a little, %", _headings(found))
    for method in found.methods():
        scores = [found.score(method, kind) for kind in _measured(found)]
        table.add_row(method, *("-" if one is None else percent_text(one.kept) for one in scores))
    example = next((kind.examples[0] for kind in found.kinds if kind.examples), None)
    written = "" if example is None else f" ('{example[1]}' for '{example[0]}')"
    unchanged = ", ".join(f"{kind.kind} {kind.unchanged:,} and {kind.in_log:,}" for kind in found.kinds)
    table.caption = (
        f"Of {found.queries:,} distinct queries at most {found.limit:,} a kind{written}, one case each: the same user and relevant "
        "products. ± half the 95 % bootstrap interval over users. Left out as the kind can't change them, or makes another query of the "
        f"log of them: {unchanged}."
    )
    return table


def _none_table(found: PerturbedResult) -> Table:
    table = _table(f"lists with none of the query's categories in the first {found.k}, %: before and after", _headings(found))
    for method in found.methods():
        cells = []
        for kind in _measured(found):
            score = found.score(method, kind)
            before, after = (None, None) if score is None else (score.none, score.perturbed_none)
            cells.append("-" if before is None or after is None else f"{100 * before.mean:.1f}\n{percent_text(after)}")
        table.add_row(method, *cells)
    table.caption = "A query's categories are those of its positive products, before the period and in it."
    return table


def _typed_table(found: TypedResult, kinds: Sequence[str]) -> Table:
    counts = {score.kind: score.queries for score in found.scores}
    title = f"{found.queries:,} typed queries ({found.in_log:,} of them in the log): good@{found.k} and none@{found.k}, %"
    table = _table(title, [f"{'all kinds' if kind == ALL_KINDS else kind}\n{counts[kind]:,}" for kind in kinds])
    for method in found.methods():
        scores = [found.score(method, kind) for kind in kinds]
        table.add_row(method, *("-" if one is None else f"{percent_text(one.good)}\n{percent_text(one.none)}" for one in scores))
    return table


def _measured(found: PerturbedResult) -> list[str]:
    return [kind.kind for kind in found.kinds if kind.sampled]


def _headings(found: PerturbedResult) -> list[str]:
    return [f"{kind.kind}\n{kind.sampled:,}" for kind in found.kinds if kind.sampled]


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", min_width=_NARROWEST)
    table.add_column("method", no_wrap=True, max_width=26)
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold", max_width=11)
    return table
