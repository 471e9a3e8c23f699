"""`gnn-search tune-index`: find the best index under caps on latency and memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from rich.console import Console

from gnn_search.cli.index import KINDS, opened_products
from gnn_search.cli.options import COUNT, PATH, as_of_option, graph_option, out_option, path_argument, qualities_option, seed_option
from gnn_search.cli.output import progress, reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.index.store import IndexManifest
    from gnn_search.index.tune import Trial

TUNED = tuple(kind for kind in KINDS if kind != "flat")
_COST = click.FloatRange(min=0, min_open=True)


@path_argument("model")
@out_option()
@click.option("--max-ms", type=_COST, metavar="MS", help="Largest p99 latency of single queries on one thread.")
@click.option("--max-bytes", type=_COST, metavar="BYTES", help="Most bytes per product in memory, whole vectors included.")
@click.option("--kind", "kinds", type=click.Choice(TUNED), multiple=True, help="Try only this kind; may be repeated.  [default: all]")
@click.option("--from", "before", type=PATH, metavar="PATH", help="An index tuned earlier; its settings are tried first.")
@click.option("-k", "k", type=COUNT, default=100, show_default=True, help="Length of the lists.")
@click.option(
    "--queries", type=COUNT, default=800, show_default=True, help="Most validation cases. Half of them select the index, half measure it."
)
@seed_option("Seed of the samples and of what is learned from them.")
@qualities_option
@graph_option
@as_of_option
def run_tuning(
    model: Path,
    out: Path,
    max_ms: float | None,
    max_bytes: float | None,
    kinds: tuple[str, ...],
    before: Path | None,
    k: int,
    queries: int,
    seed: int,
    boost: Path | None,
    graph: Path | None,
    as_of: str | None,
) -> IndexManifest:
    """Find, build and save the best index under given caps.

    The caps are on latency and memory. Every kind of index is built in turn and searched with growing effort. The table shows the settings
    that no others beat in recall, latency and memory. Those with the highest recall within the caps are built and saved, as the command
    index does, with every trial in the manifest. After the next training, pass the winner with --from.

    \b
    Example:
      gnn-search tune-index demo/model --max-ms 5 --max-bytes 200 --out demo/index
      gnn-search tune-index demo/model --from old/index --kind ivf_pq --out demo/index
    """
    import numpy as np

    from gnn_search.errors import RequestError
    from gnn_search.index.settings import IndexKind
    from gnn_search.index.store import build_index, read_index_manifest
    from gnn_search.index.tune import Caps, builds, tune
    from gnn_search.layout import refuse_existing

    refuse_existing(out)
    last = None if before is None else read_index_manifest(before).settings
    if last is not None and last.kind in ("flat", "factory"):
        raise RequestError(f"the index {before} is of kind {last.kind}, which is not tuned; give another with --from, or leave it out")
    with opened_products(model, out, queries, seed, boost, graph, as_of) as (products, scratch), progress("indices") as bars:
        # No vector may stand in both halves.
        shuffled = np.random.Generator(np.random.Philox(seed)).permutation(np.unique(products.queries, axis=0))
        count, dimension = products.vectors.shape
        wanted = builds(count, dimension, [kind for kind in get_args(IndexKind) if kind in (kinds or TUNED)], seed, last)
        task = bars.add_task("tuning", total=None)
        found = tune(
            products.vectors,
            shuffled[0::2],
            wanted,
            Caps(p99_ms=max_ms, bytes_product=max_bytes),
            k,
            lambda name, done, total: bars.update(task, completed=done, total=total, description=name),
            scratch,
        )
        # The winner is measured with queries that played no part in selecting it.
        others = shuffled[1::2] if len(shuffled) > 1 else shuffled
        settings = found.trials[found.selected].settings
        return build_index(products.vectors, products.ids, settings, others, out, extra={**products.origin, "tuning": found})


def _render(console: Console, manifest: IndexManifest) -> None:
    tuning, measured, out = manifest.tuning, manifest.measured, click.get_current_context().params["out"]
    assert tuning is not None
    assert measured is not None
    shown = [(one, place == tuning.selected) for place, one in enumerate(tuning.trials) if one.front or place == tuning.selected]
    costs = (">p50 ms", ">p99 ms", ">CPU ms", ">bytes", ">build, s")
    table = make_table("", "index", "searched with", f">recall@{tuning.k}", *costs)
    for one, selected in sorted(shown, key=lambda pair: (pair[0].recall, -pair[0].p50_ms)):
        table.add_row("→" if selected else "" if one.within else "over", *_cells(one))
    console.print(table)
    if tuning.left_out:
        most = f"{tuning.caps.bytes_product:,g} bytes a product"
        console.print(f"not made, as their codes alone take more than {most}: {', '.join(tuning.left_out)}", soft_wrap=True)
    console.print(
        f"{len(tuning.trials)} trials with {tuning.queries:,} queries; shown are those that no other beats in recall, p50 and bytes",
        soft_wrap=True,
    )
    found = ", ".join(f"recall@{cut} {recall:.4f}" for cut, recall in measured.recall.items())
    console.print(
        f"{out}: {manifest.settings.description()}, with {measured.queries:,} other queries {found}, p99 {measured.p99_ms:.2f} ms",
        soft_wrap=True,
    )


def _cells(one: Trial) -> tuple[str, ...]:
    numbers = (f"{one.recall:.4f}", f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", f"{one.cpu_ms:.2f}")
    return one.faiss, one.effort, *numbers, f"{one.bytes_product:,.0f}", f"{one.build_cpu_seconds:,.1f}"


command = reporting(run_tuning, _render)
