"""Draw the map of products as an SVG that stands inside an HTML page."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_search.errors import MissingExtraError
from gnn_search.report.product_map import OTHERS, ProductMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers can tell apart, and a grey; all are seen on white and on black.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A900", "#8C6BB1")
_GREY = "#999999"
_INK = "#010203"
"""Stands for what the page writes in, be it dark or light. Black would not do: a file says nothing where a text is black."""

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gnn-search",
    "font.size": 9,
    "axes.edgecolor": _INK,
    "text.parse_math": False,
}
"""Text stays text, and names inside the file do not change from run to run."""


def draw_map(product_map: ProductMap, title: str = "Products by their vectors") -> str:
    """Return the map as one `svg` element, coloured by group; text and axes take the page's colour.

    Args:
        product_map: The map.
        title: What a screen reader says of the figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("drawing needs matplotlib, which is not installed; run: pip install 'gnn-search[report]'") from None
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(8, 5.5), layout="constrained")
        axes = figure.subplots()
        _scatter(axes, product_map)
        page = StringIO()
        figure.savefig(page, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title})
    svg = page.getvalue()
    # Without the XML head, which has no place inside a page.
    return svg[svg.index("<svg") :].replace(_INK, "currentColor").strip()


def _scatter(axes: Axes, product_map: ProductMap) -> None:
    place = np.array([(point.x, point.y) for point in product_map.points]).reshape(-1, 2)
    group = np.array([point.group for point in product_map.points])
    drawn = []
    for number, name in enumerate(product_map.groups):
        colour = _GREY if name == OTHERS else _COLOURS[number % len(_COLOURS)]
        members = place[group == name]
        dots: dict[str, Any] = {"color": colour, "markersize": 2.5, "markeredgewidth": 0, "alpha": 0.7}
        drawn += axes.plot(members[:, 0], members[:, 1], "o", **dots)
    across, up = product_map.variance
    axes.set_xlabel(f"first principal component, {across:.0%} of the variance", color=_INK)
    axes.set_ylabel(f"second, {up:.0%}", color=_INK)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[["top", "right"]].set_visible(False)
    # Names are the shop's own: a label that starts with an underscore would be left out, and $ is no formula.
    axes.legend(
        drawn, product_map.groups, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, markerscale=3, labelcolor=_INK
    )
