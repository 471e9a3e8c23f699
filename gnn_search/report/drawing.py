"""Draw figures as SVG for an HTML page in dark or light mode, each method in the same style everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple

from gnn_search.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can tell apart, and a grey; all are seen on white and on black.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A900", "#8C6BB1")
GREY = "#999999"
INK = "#010203"
"""Stands for what the page writes in, be it dark or light. Black would not do: a file says nothing where a text is black."""

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gnn-search",
    "font.size": 9,
    "axes.edgecolor": INK,
    "text.parse_math": False,
}
"""Text stays text, and names inside the file do not change from run to run."""


class Canvas:
    """A figure that is being drawn; `svg` is there when the block of `canvas` has ended."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.svg = ""


@contextmanager
def canvas(name: str, title: str, size: tuple[float, float]) -> Iterator[Canvas]:
    """Give a figure to draw on, and turn it into one `svg` element whose text and axes take the page's colour.

    Args:
        name: Put before every id inside, so that several figures can stand in one page.
        title: What a screen reader says of the figure.
        size: Width and height in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("drawing needs matplotlib, which is not installed; run: pip install 'gnn-search[report]'") from None
    with rc_context(_SETTINGS):
        drawn = Canvas(Figure(figsize=size, layout="constrained"))
        yield drawn
        page = StringIO()
        drawn.figure.savefig(page, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title})
    drawn.svg = _for_a_page(page.getvalue(), name, title)


class PlotStyle(NamedTuple):
    """Colour, line and mark of a method."""

    colour: str
    line: str
    mark: str


def plot_styles(methods: Sequence[str], model: str) -> dict[str, PlotStyle]:
    """Give every method a style of its own: the model a star, parts of it dashed, and a second round through the colours dotted."""
    styles = {model: PlotStyle(COLOURS[0], "-", "*")}
    for place, name in enumerate((name for name in methods if name != model), start=1):
        again = place >= len(COLOURS)
        line = "--" if name.startswith(f"{model}, ") else ":" if again else "-"
        styles[name] = PlotStyle(COLOURS[place % len(COLOURS)], line, "s" if again else "o")
    return styles


def style(axes: Axes) -> None:
    """Leave the frame away where it says nothing, and write in the page's colour."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)


def log_scale(axes: Axes) -> None:
    """Make the x axis logarithmic with 0.2, 0.5, 1, 2, 5, … beside it, where matplotlib would write powers in a language of its own."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")


def _for_a_page(svg: str, name: str, title: str) -> str:
    """Leave out what has no place inside a page: the XML head, remarks about the file, and ids that another figure has too."""
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)
    return svg.replace(INK, "currentColor").strip()
