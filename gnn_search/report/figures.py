"""The figures of a page, each as one `svg` element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_search.report.curves import RecallCurve, Training
from gnn_search.report.drawing import COLOURS, GREY, INK, PlotStyle, canvas, log_scale, style
from gnn_search.report.negatives_part import SamplerSummary
from gnn_search.report.product_map import OTHERS, ProductMap
from gnn_search.report.search_speed import SearchSpeed
from gnn_search.report.slice_findings import SliceFinding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 5.2
"""Inches: on a phone the text can still be read."""
_ROW_INCHES = 0.44


def draw_slices(slices: Sequence[SliceFinding], k: int, styles: Mapping[str, PlotStyle]) -> str:
    """Draw a group of bars a slice, with intervals; slices of too few users are pale."""
    methods = [bar.method for bar in slices[0].bars]
    height = 0.8 / len(methods)
    with canvas("slices", f"Recall at {k} by slice and method", (_WIDTH, 1.0 + _ROW_INCHES * len(slices))) as drawn:
        axes = drawn.figure.subplots()
        for number, method in enumerate(methods):
            found = [(place, part, bar) for place, part in enumerate(slices) for bar in part.bars if bar.method == method]
            at = [place + (number - (len(methods) - 1) / 2) * height for place, _, _ in found]
            mean = [bar.mean for _, _, bar in found]
            for drawn_bar, (_, part, _) in zip(axes.barh(at, mean, height * 0.9, color=styles[method].colour), found, strict=True):
                drawn_bar.set_alpha(0.35 if part.outcome == "too few" else 1.0)
            ends = [[max(bar.mean - bar.low, 0.0) for *_, bar in found], [max(bar.high - bar.mean, 0.0) for *_, bar in found]]
            axes.errorbar(mean, at, xerr=ends, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5)
        names = [f"{part.name}\n{part.cases:,} cases{', few' if part.outcome == 'too few' else ''}" for part in slices]
        axes.set_yticks(range(len(slices)), names, fontsize=7.5)
        axes.set_ylim(len(slices) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(_percent)
        axes.tick_params(axis="x", top=True, labeltop=True)
        axes.grid(axis="x", color=GREY, alpha=0.3, linewidth=0.6)
        axes.set_axisbelow(True)
        style(axes)
        swatches = [axes.barh(0, 0, color=styles[method].colour)[0] for method in methods]
        drawn.figure.legend(swatches, methods, loc="outside upper center", ncols=len(methods), frameon=False, labelcolor=INK, fontsize=8)
    return drawn.svg


def draw_recall(curves: Sequence[RecallCurve], model: str, styles: Mapping[str, PlotStyle]) -> str:
    """Draw recall over the length of the list, the model thick and its parts dashed."""
    with canvas("recall", "Recall by length of the list, by method", (_WIDTH, 5.2)) as drawn:
        axes = drawn.figure.subplots()
        lines = []
        order = sorted(curves, key=lambda curve: (curve.method != model, -curve.recall[min(9, len(curve.recall) - 1)]))
        for curve in order:
            drawn_as, width = styles[curve.method], 2.4 if curve.method == model else 1.3
            lines += axes.plot(np.arange(1, len(curve.recall) + 1), curve.recall, drawn_as.line, color=drawn_as.colour, linewidth=width)
        if len(order[0].recall) > 20:
            log_scale(axes)
        axes.yaxis.set_major_formatter(_percent)
        axes.set_xlabel("places of the list, k")
        axes.set_ylabel("recall@k")
        _style(axes)
        _legend(drawn.figure, lines, [curve.method for curve in order], 2)
    return drawn.svg


def draw_training(training: Training) -> str:
    """Draw the losses, and below them validation where there is any."""
    measured = bool(training.validation)
    title = "Loss" + (f" and validation {training.measure}" if measured else "") + " over the training examples seen"
    with canvas("training", title, (_WIDTH, 4.8 if measured else 3.0)) as drawn:
        panels = drawn.figure.subplots(2 if measured else 1, sharex=True, squeeze=False)[:, 0]
        names = [name for name, points in training.curves.items() if points]
        lines = []
        for number, name in enumerate(names):
            points = training.curves[name]
            seen, value = [point.examples for point in points], [point.value for point in points]
            lines += panels[0].plot(seen, value, color=COLOURS[number % len(COLOURS)], linewidth=1.3)
        panels[0].set_ylabel("loss")
        panels[0].legend(lines, [name.replace("_", " ") for name in names], frameon=False, labelcolor=INK)
        if measured:
            seen, value = [point.examples for point in training.validation], [100 * point.value for point in training.validation]
            panels[1].plot(seen, value, "o-", color=COLOURS[2], linewidth=1.3, markersize=4)
            panels[1].set_ylabel(f"{training.measure}, %")
        panels[-1].set_xlabel("training examples seen")
        panels[-1].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        for axes in panels:
            _style(axes)
    return drawn.svg


def draw_hardness(samplers: Sequence[SamplerSummary]) -> str:
    """Draw how much higher the model scores the positive product than the negative, as a share of each sampler's negatives."""
    with canvas("hardness", "Negatives by how hard they are, by sampler", (_WIDTH, 3.6)) as drawn:
        axes = drawn.figure.subplots()
        steps = []
        for number, one in enumerate(samplers):
            counts = np.array(one.study.hardness_counts, dtype=np.float64)
            share = counts / max(counts.sum(), 1.0)
            steps.append(axes.stairs(share, one.study.hardness_edges, color=COLOURS[number % len(COLOURS)], linewidth=1.6))
        axes.axvline(0, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlabel("cosine of the positive product minus that of the negative")
        axes.set_ylabel("share of the negatives")
        axes.yaxis.set_major_formatter(_percent)
        axes.legend(steps, [one.kind.replace("_", " ") for one in samplers], frameon=False, labelcolor=INK)
        style(axes)
    return drawn.svg


def draw_costs(speed: SearchSpeed, model: str, styles: Mapping[str, PlotStyle]) -> str:
    """Draw recall over what a list costs."""
    with canvas("costs", f"Recall at {speed.k} and CPU time of a list, by method", (_WIDTH, 5.0)) as drawn:
        axes = drawn.figure.subplots()
        dots = []
        order = sorted(speed.methods, key=lambda one: -one.recall)
        for one in order:
            drawn_as, size = styles[one.method], 13 if one.method == model else 7
            dots += axes.plot([max(one.cpu_ms, 1e-4)], [one.recall], drawn_as.mark, color=drawn_as.colour, markersize=size)
        log_scale(axes)
        axes.yaxis.set_major_formatter(_percent)
        axes.set_xlabel("CPU milliseconds a list, in large batches")
        axes.set_ylabel(f"recall@{speed.k}")
        _style(axes)
        _legend(drawn.figure, dots, [one.method for one in order], 2, markerscale=0.7)
    return drawn.svg


def draw_indices(speed: SearchSpeed) -> str:
    """Draw each index's recall against exact search over its latency: a dot at the median, a line to the 99th of 100."""
    with canvas("indices", "Recall against exact search and latency, by index", (_WIDTH, 3.6 + 0.22 * len(speed.indices))) as drawn:
        axes = drawn.figure.subplots()
        dots = []
        for number, one in enumerate(speed.indices):
            colour, mark = COLOURS[number % len(COLOURS)], "s" if number >= len(COLOURS) else "o"
            axes.plot([one.median_ms, one.p99_ms], [one.recall, one.recall], "-", color=colour, linewidth=1.2)
            dots += axes.plot([one.median_ms], [one.recall], mark, color=colour, markersize=7)
        log_scale(axes)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.1f} %")
        axes.set_xlabel("milliseconds, one query on one thread")
        axes.set_ylabel("recall against exact search")
        _style(axes)
        _legend(drawn.figure, dots, [one.kind for one in speed.indices], 1)
    return drawn.svg


def draw_map(product_map: ProductMap, title: str = "Products by their vectors") -> str:
    """Return the map as one `svg` element, coloured by group.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    place = np.array([(point.x, point.y) for point in product_map.points]).reshape(-1, 2)
    group = np.array([point.group for point in product_map.points])
    with canvas("map", title, (_WIDTH, 5.4)) as drawn:
        axes = drawn.figure.subplots()
        dots = []
        for number, name in enumerate(product_map.groups):
            colour = GREY if name == OTHERS else COLOURS[number % len(COLOURS)]
            members = place[group == name]
            dots += axes.plot(members[:, 0], members[:, 1], "o", color=colour, markersize=2.5, markeredgewidth=0, alpha=0.7)
        across, up = product_map.variance
        axes.set_xlabel(f"first principal component, {across:.0%} of the variance")
        axes.set_ylabel(f"second, {up:.0%}")
        axes.set_xticks([])
        axes.set_yticks([])
        style(axes)
        # Names are the shop's own: a label that starts with an underscore would be left out, and $ is no formula.
        _legend(drawn.figure, dots, product_map.groups, 3, markerscale=3)
    return drawn.svg


def _percent(value: float, _: float) -> str:
    return f"{100 * value:.0f} %"


def _style(axes: Axes) -> None:
    axes.grid(color=GREY, alpha=0.3, linewidth=0.6)
    style(axes)


def _legend(figure: Figure, drawn: Sequence[Any], names: Sequence[str], columns: int, **settings: float) -> None:
    figure.legend(drawn, names, loc="outside lower center", ncols=columns, frameon=False, labelcolor=INK, fontsize=8, **settings)
