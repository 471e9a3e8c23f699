"""Draw the map of products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_search.report.drawing import COLOURS, GREY, INK, canvas, style
from gnn_search.report.product_map import OTHERS, ProductMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_map(product_map: ProductMap, title: str = "Products by their vectors") -> str:
    """Return the map as one `svg` element, coloured by group.

    Args:
        product_map: The map.
        title: What a screen reader says of the figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with canvas("map", title, (5.2, 5.4)) as drawn:
        _scatter(drawn.figure, product_map)
    return drawn.svg


def _scatter(figure: Figure, product_map: ProductMap) -> None:
    axes = figure.subplots()
    place = np.array([(point.x, point.y) for point in product_map.points]).reshape(-1, 2)
    group = np.array([point.group for point in product_map.points])
    drawn = []
    for number, name in enumerate(product_map.groups):
        colour = GREY if name == OTHERS else COLOURS[number % len(COLOURS)]
        members = place[group == name]
        dots: dict[str, Any] = {"color": colour, "markersize": 2.5, "markeredgewidth": 0, "alpha": 0.7}
        drawn += axes.plot(members[:, 0], members[:, 1], "o", **dots)
    across, up = product_map.variance
    axes.set_xlabel(f"first principal component, {across:.0%} of the variance")
    axes.set_ylabel(f"second, {up:.0%}")
    axes.set_xticks([])
    axes.set_yticks([])
    style(axes)
    # Names are the shop's own: a label that starts with an underscore would be left out, and $ is no formula.
    figure.legend(drawn, product_map.groups, loc="outside lower center", ncols=3, frameon=False, markerscale=3, labelcolor=INK, fontsize=8)
