"""Render a report as one self-contained HTML file."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gnn_search import __version__
from gnn_search.errors import MissingExtraError
from gnn_search.evaluation.metrics.measure import Measure
from gnn_search.evaluation.significance import too_small
from gnn_search.report.drawing import plot_styles
from gnn_search.report.figures import draw_costs, draw_hardness, draw_indices, draw_map, draw_recall, draw_slices, draw_training
from gnn_search.report.report import Report
from gnn_search.report.slice_findings import slice_words
from gnn_search.report.wording import p_value, points

_PLACES = (1, 3, 5, 10, 20, 50, 100)


_SECTIONS = {
    "verdict": "Is it better?",
    "data": "The question and the data",
    "audit": "Audit: leaks and faults",
    "methods": "All methods",
    "judgements": "On judged queries",
    "runs": "Comparison with earlier runs",
    "slices": "For whom, and for whom not",
    "new_words": "New words",
    "curves": "Recall by list length",
    "training": "Training",
    "negatives": "Negatives in training",
    "speed": "Recall and cost",
    "map": "A map of the products",
    "searches": "Example searches",
    "reproduce": "Reproduce it",
}
"""The file that a section of the page is written from, and its heading."""
_OPTIONAL = {"judgements": "judgements", "runs": "comparison"}
"""Sections that are left out where the report has nothing for them."""


def require_extra() -> None:
    """Fail early where the page can't be written.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    for package, module in (("Jinja2", "jinja2"), ("matplotlib", "matplotlib")):
        try:
            import_module(module)
        except ModuleNotFoundError:
            raise MissingExtraError(f"the page needs {package}, which is not installed; run: pip install 'gnn-search[report]'") from None


def render_report(report: Report, json_name: str) -> str:
    """Return the page.

    Args:
        report: What it shows.
        json_name: Name of the file beside it that holds the same as JSON.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    require_extra()
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("gnn_search.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["points"] = points
    # A long name may be broken where it has a stroke.
    environment.filters["breakable"] = lambda name: Markup("_<wbr>").join(name.split("_"))
    return environment.get_template("page.html.j2").render(
        report=report,
        sections={name: title for name, title in _SECTIONS.items() if getattr(report, _OPTIONAL.get(name, "data")) is not None},
        # Drawn by us from escaped text: the one markup that is let through.
        figures={name: Markup(svg) for name, svg in _figures(report).items()},
        json_name=json_name,
        version=__version__,
        curve_places=[k for k in _PLACES if k <= len(report.curves[0].recall)],
        p_value=p_value,
        too_small=too_small,
        slice_words=slice_words(one.name for one in report.slices),
        **_comparison(report),
    )


def _figures(report: Report) -> dict[str, str]:
    model = next(row.method for row in report.table.rows if row.role == "model")
    styles = plot_styles([row.method for row in report.table.rows], model)
    drawn = {
        "slices": draw_slices(report.slices, report.k, styles),
        "recall": draw_recall(report.curves, model, styles),
        "costs": draw_costs(report.speed, model, styles),
        "map": draw_map(report.map),
    }
    if len(report.speed.indices) > 1:
        drawn["indices"] = draw_indices(report.speed)
    if report.training is not None:
        drawn["training"] = draw_training(report.training)
    if report.negatives is not None:
        drawn["hardness"] = draw_hardness(report.negatives.samplers)
    return drawn


def _comparison(report: Report) -> dict[str, Any]:
    """Return the comparison's tables as rows."""
    found = report.comparison
    if found is None:
        return {}
    first = found.slices[0]
    measures = dict.fromkeys(Measure(one.metric, one.k) for one in found.scores if one.slice == first)
    scores = {(one.method, one.metric, one.k): one for one in found.scores if one.slice == first}
    differences = {
        (one.reference, one.method): one for one in found.differences if (one.slice, one.metric, one.k) == (first, found.metric, found.k)
    }
    return {
        "comparison_marks": [entry.mark for entry in found.entries],
        "comparison_rows": [
            {
                "name": f"{measure}, %" if measure.is_share else str(measure),
                "cells": [
                    {
                        "mean": scores[entry.mark, measure.metric, measure.k].mean,
                        "percent": measure.is_share,
                        "beaten": " ".join(found.beaten(entry.mark, measure.metric, measure.k)),
                    }
                    for entry in found.entries
                ],
            }
            for measure in measures
        ],
        "comparison_pairs": [{"wins": wins, "difference": differences.get((wins.later, wins.earlier))} for wins in found.wins],
        "comparison_slices": [
            one
            for one in found.differences
            if one.method == found.entries[0].mark and (one.metric, one.k) == (found.metric, found.k) and one.slice != first
        ],
    }
