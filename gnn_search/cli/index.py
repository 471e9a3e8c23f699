"""`gnn-search index`: an index of the products' vectors, measured against exact search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from gnn_search.cli.index_products import opened_products
from gnn_search.cli.options import as_of_option, graph_option, json_option, out_option, path_argument, qualities_option, threads_option
from gnn_search.cli.output import emit, progress

if TYPE_CHECKING:
    from gnn_search.index.store import IndexManifest

KINDS = ("flat", "fp16", "sq8", "ivf_flat", "ivf_sq8", "hnsw", "ivf_pq", "ivf_hnsw_pq")
_NUMBER = click.IntRange(min=1)


@click.command()
@path_argument("model")
@click.option("--kind", type=click.Choice(KINDS), help="How vectors are stored and searched.  [default: ivf_pq]")
@click.option("--factory", metavar="TEXT", help="An index by FAISS's own description instead, such as 'IVF1024,SQ8'.")
@out_option("Folder to be made.")
@click.option("--nlist", type=_NUMBER, help="Lists of an inverted file.  [default: 4 times the root of the number of products]")
@click.option("--nprobe", type=_NUMBER, help="Lists that a query reads.  [default: 4 times the root of nlist]")
@click.option("--hnsw-m", type=click.IntRange(2, 512), help="Links of a node of an HNSW graph.  [default: 32]")
@click.option("--ef-construction", type=_NUMBER, help="Nodes kept in view while an HNSW graph is built.  [default: 80]")
@click.option("--ef-search", type=_NUMBER, help="Nodes kept in view while it is searched.  [default: 256]")
@click.option("--pq-m", type=_NUMBER, help="Parts of a vector, each coded in 4 bits.  [default: half the dimension]")
@click.option(
    "--full",
    type=click.Choice(["none", "float32", "float16", "int8"]),
    help="Whole vectors kept to re-rank candidates.  [default: float32 for kinds with pq, else none]",
)
@click.option(
    "--full-in",
    type=click.Choice(["memory", "disk"]),
    help="Where whole vectors are kept; on disk they are memory-mapped.  [default: memory]",
)
@click.option("--candidates", type=_NUMBER, help="Candidates re-ranked for each place of a list, at least 200.  [default: 10]")
@click.option("--queries", type=_NUMBER, default=2000, show_default=True, help="Most validation cases to measure the index with.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the samples and of what is learned from them.  [default: 0]")
@qualities_option
@graph_option
@as_of_option
@threads_option
@json_option
def command(
    model: Path, out: Path, queries: int, boost: Path | None, graph: Path | None, as_of: str | None, as_json: bool, **settings: Any
) -> None:
    """Build an index of the products and measure it.

    The folder holds a FAISS file, the shop's ids, whole vectors if they are kept, and a manifest with all settings and measurements:
    recall against exact search on requests of the validation period, with and without a user; latency of single queries on one thread;
    queries per second in a batch; bytes per product; and seconds to build.

    \b
    Example:
      gnn-search index demo/model --kind ivf_pq --out demo/index
      gnn-search index demo/model --boost demo/boost --out demo/boosted_index
    """
    manifest = run_index(model, out, queries, boost, graph, as_of, **settings)
    emit(manifest, as_json, lambda console: render(console, out, manifest))


def run_index(
    model: Path,
    out: Path,
    queries: int = 2000,
    boost: Path | None = None,
    graph: Path | None = None,
    as_of: str | None = None,
    **settings: Any,
) -> IndexManifest:
    """Build an index of a model folder's products."""
    from gnn_search.config.files import check
    from gnn_search.errors import RequestError
    from gnn_search.index.settings import IndexSettings
    from gnn_search.index.store import build_index
    from gnn_search.layout import refuse_existing

    refuse_existing(out)
    given = {name: value for name, value in settings.items() if value is not None}
    if "factory" in given:
        if "kind" in given:
            raise RequestError("--kind and --factory exclude each other; give one of them")
        given["kind"] = "factory"
    checked = check(given, IndexSettings, "index settings")
    with opened_products(model, out, queries, checked.seed, boost, graph, as_of) as (products, _), progress("products") as bars:
        task = bars.add_task("index", total=None)
        return build_index(
            products.vectors,
            products.ids,
            checked,
            products.queries,
            out,
            extra=products.origin,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )


def render(console: Console, out: Path, manifest: IndexManifest) -> None:
    """Write what was built and what it finds and costs."""
    measured = manifest.measured
    assert measured is not None
    table = Table("measure", "value", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for cut, recall in measured.recall.items():
        table.add_row(f"recall@{cut} against exact search", f"{recall:.4f}")
    for name, value in (("p50", measured.p50_ms), ("p95", measured.p95_ms), ("p99", measured.p99_ms), ("CPU", measured.cpu_ms)):
        table.add_row(f"one query on one thread, {name}", f"{value:.2f} ms")
    table.add_row(f"all queries at once, {_threads(measured.threads)}", f"{measured.batch_per_second:,.0f} a second")
    table.add_row("index, a product", f"{measured.bytes_index:,.1f} bytes")
    if measured.full_in is not None:
        table.add_row(f"whole vectors {manifest.settings.full_place}, a product", f"{measured.bytes_full:,} bytes")
    table.add_row("to build", f"{measured.build_wall_seconds:,.1f} s, {measured.build_cpu_seconds:,.1f} s of CPU")
    console.print(table)
    console.print(
        f"{out}: {manifest.kind} index ({manifest.settings.description()}) of {manifest.count:,} products, measured with "
        f"{measured.queries:,} queries of the validation period, lists of {measured.k}",
        soft_wrap=True,
    )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
