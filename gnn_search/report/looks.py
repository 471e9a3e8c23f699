"""How each method is drawn: the same in every figure of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gnn_search.report.drawing import COLOURS


class Look(NamedTuple):
    """Colour, line and mark of a method."""

    colour: str
    line: str
    mark: str


def looks_of(methods: Sequence[str], model: str) -> dict[str, Look]:
    """Give every method a look of its own: the model a star, parts of it dashed, and a second round through the colours dotted.

    Args:
        methods: All of a page.
        model: Which of them is the model.
    """
    return {name: _look(place, name, model) for place, name in enumerate([model, *(name for name in methods if name != model)])}


def _look(place: int, name: str, model: str) -> Look:
    colour, again = COLOURS[place % len(COLOURS)], place >= len(COLOURS)
    if name == model:
        return Look(colour, "-", "*")
    line = "--" if name.startswith(f"{model}, ") else ":" if again else "-"
    return Look(colour, line, "s" if again else "o")
