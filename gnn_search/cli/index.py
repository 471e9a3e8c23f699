"""`gnn-search index`: an index of the products' vectors, measured against exact search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from gnn_search.cli.options import COUNT, as_of_option, graph_option, out_option, path_argument, qualities_option
from gnn_search.cli.output import progress, reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.index.model_products import ModelProducts
    from gnn_search.index.store import IndexManifest

KINDS = ("flat", "fp16", "sq8", "ivf_flat", "ivf_sq8", "hnsw", "ivf_pq", "ivf_hnsw_pq")


@path_argument("model")
@click.option("--kind", type=click.Choice(KINDS), help="How vectors are stored and searched.  [default: ivf_pq]")
@click.option("--factory", metavar="TEXT", help="An index by FAISS's own description instead, such as 'IVF1024,SQ8'.")
@out_option()
@click.option("--nlist", type=COUNT, help="Lists of an inverted file.  [default: 4 times the root of the number of products]")
@click.option("--nprobe", type=COUNT, help="Lists that a query reads.  [default: 4 times the root of nlist]")
@click.option("--hnsw-m", type=click.IntRange(2, 512), help="Links of a node of an HNSW graph.  [default: 32]")
@click.option("--ef-construction", type=COUNT, help="Nodes kept in view while an HNSW graph is built.  [default: 80]")
@click.option("--ef-search", type=COUNT, help="Nodes kept in view while it is searched.  [default: 256]")
@click.option("--pq-m", type=COUNT, help="Parts of a vector, each coded in 4 bits.  [default: half the dimension]")
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
@click.option("--candidates", type=COUNT, help="Candidates re-ranked for each place of a list, at least 200.  [default: 10]")
@click.option("--queries", type=COUNT, default=2000, show_default=True, help="Most validation cases to measure the index with.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the samples and of what is learned from them.  [default: 0]")
@qualities_option
@graph_option
@as_of_option
def run_index(
    model: Path, out: Path, queries: int, boost: Path | None, graph: Path | None, as_of: str | None, **settings: Any
) -> IndexManifest:
    """Build an index of the products and measure it.

    The folder holds a FAISS file, the shop's ids, whole vectors if they are kept, and a manifest with all settings and measurements:
    recall against exact search on requests of the validation period, with and without a user; latency of single queries on one thread;
    queries per second in a batch; bytes per product; and seconds to build.

    \b
    Example:
      gnn-search index demo/model --kind ivf_pq --out demo/index
      gnn-search index demo/model --boost demo/boost --out demo/boosted_index
    """
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

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        return build_index(products.vectors, products.ids, checked, products.queries, out, extra=products.origin, progress=show)


@contextmanager
def opened_products(
    model: Path, out: Path, queries: int, seed: int, boost: Path | None, graph: Path | None, as_of: str | None
) -> Iterator[tuple[ModelProducts, Path]]:
    """Open a model folder's products, boosted where a boost is given.

    Yields:
        The products, and a folder beside `out` for what need not stay; boosted vectors lie there while the block lasts.
    """
    from gnn_search.graph.as_of import resolve_as_of
    from gnn_search.index.boosting.boost import open_boost
    from gnn_search.index.model_products import products_to_index
    from gnn_search.trained.model import open_model
    from gnn_search.trained.node_embeddings import open_node_embeddings

    opened = open_model(model, graph)
    opened.graph.verify()
    embeddings = open_node_embeddings(opened, resolve_as_of(opened.graph, as_of))
    qualities = None if boost is None else open_boost(boost, opened)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".index-", dir=out.parent) as folder:
        scratch = Path(folder)
        yield products_to_index(opened, embeddings, queries, seed, qualities, scratch), scratch


def _render(console: Console, manifest: IndexManifest) -> None:
    measured, out = manifest.measured, click.get_current_context().params["out"]
    assert measured is not None
    table = make_table("measure", ">value")
    for cut, recall in measured.recall.items():
        table.add_row(f"recall@{cut} against exact search", f"{recall:.4f}")
    for name, value in (("p50", measured.p50_ms), ("p95", measured.p95_ms), ("p99", measured.p99_ms), ("CPU", measured.cpu_ms)):
        table.add_row(f"one query on one thread, {name}", f"{value:.2f} ms")
    table.add_row(
        f"all queries at once, {measured.threads} thread{'' if measured.threads == 1 else 's'}",
        f"{measured.batch_per_second:,.0f} a second",
    )
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


command = reporting(run_index, _render)
