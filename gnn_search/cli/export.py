"""`gnn-search export`: vectors, index, text tower, and files that search engines load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.options import COUNT, PATH, as_of_option, graph_option, out_option, path_argument
from gnn_search.cli.output import progress, reporting
from gnn_search.console_table import make_table
from gnn_search.export.settings import DTYPES, FORMATS, NODES, DtypeName, ExportedNode, ExportSettings, FormatName

if TYPE_CHECKING:
    from gnn_search.export.manifest import ExportManifest

_DEFAULT = ExportSettings()
_MEGABYTE = 1_000_000


@path_argument("model")
@out_option()
@click.option(
    "--format", "formats", type=click.Choice(FORMATS), multiple=True, default=_DEFAULT.formats, show_default=True,
    help="What to write; may be given several times.",
)  # fmt: skip
@click.option(
    "--nodes", type=click.Choice(NODES), multiple=True, default=NODES, show_default=True,
    help="Whose vectors parquet, npy and safetensors hold; may be given several times.",
)  # fmt: skip
@click.option("--dtype", type=click.Choice(DTYPES), default=_DEFAULT.dtype, show_default=True, help="Kind of the vectors' numbers.")
@click.option("--requests", type=PATH, metavar="PATH", help="File of query and user_id whose personal vectors are written too.")
@click.option(
    "--shard-size", type=COUNT, default=_DEFAULT.shard_bytes // _MEGABYTE, show_default=True, metavar="MB",
    help="Most megabytes a file.",
)  # fmt: skip
@graph_option
@as_of_option
def run_export(
    model: Path,
    out: Path,
    formats: tuple[FormatName, ...] = _DEFAULT.formats,
    nodes: tuple[ExportedNode, ...] = _DEFAULT.nodes,
    dtype: DtypeName = _DEFAULT.dtype,
    requests: Path | None = None,
    shard_size: int = _DEFAULT.shard_bytes // _MEGABYTE,
    graph: Path | None = None,
    as_of: str | None = None,
) -> ExportManifest:
    """Write vectors and products for other programs.

    Each format is a folder: parquet, npy and safetensors hold tables of the shop's own ids and vectors; faiss the index of the products;
    text_tower what encodes any query (a table and a Python file that needs numpy; for a model of tokens or of a transformer alone a
    folder for sentence-transformers); onnx what a server needs to encode any request of any user without torch and the graph;
    elasticsearch, opensearch, vespa, pgvector, qdrant and milvus the products with title, brand, category path and vector, beside what
    makes the index there. All vectors have length 1, apart from those of users of whom nothing is known, which are zero and counted in
    the manifest.

    \b
    Example:
      gnn-search export demo/model --out demo/export
      gnn-search export demo/model --format qdrant --format npy --dtype float16 --out demo/engines
    """
    from gnn_search.export.write import export_model
    from gnn_search.graph.as_of import resolve_as_of
    from gnn_search.layout import refuse_existing
    from gnn_search.trained.model import open_model
    from gnn_search.trained.node_embeddings import open_node_embeddings

    refuse_existing(out)
    settings = ExportSettings(formats=formats, nodes=nodes, dtype=dtype, shard_bytes=shard_size * _MEGABYTE)
    opened = open_model(model, graph)
    opened.graph.verify()
    embeddings = open_node_embeddings(opened, resolve_as_of(opened.graph, as_of))
    with progress("rows") as bars:
        task = bars.add_task("export", total=None)

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        return export_model(opened, embeddings, out, settings, requests=requests, progress=show)


def _render(console: Console, manifest: ExportManifest) -> None:
    from gnn_search.export.registry import WRITERS

    out = click.get_current_context().params["out"]
    table = make_table("what", ">how many", ">of length 0")
    for name, count in manifest.counts.items():
        table.add_row(f"{name} vectors", f"{count:,}", f"{manifest.zero_vectors[name]:,}")
    console.print(table)
    for name in manifest.formats:
        files = [file.bytes for path, file in manifest.files.items() if path.startswith(f"{name}/")]
        console.print(f"{out / name}: {len(files)} files, {sum(files) / 1e6:,.1f} MB{_opened_by(name, manifest)}")
    numbers = manifest.dtype if manifest.dtype != "int8" else f"int8, each worth {manifest.scale:.6g}"
    always = [name for name in manifest.formats if WRITERS[name].float32]
    if always and manifest.dtype != "float32":
        numbers = "float32" if len(always) == len(manifest.formats) else f"{numbers} (float32 in {', '.join(always)})"
    console.print(f"vectors of {manifest.dimension} dimensions, {numbers}, as of {manifest.as_of:%Y-%m-%d %H:%M} UTC")
    recall = manifest.recall
    if recall is not None and recall.queries:
        shares = ", ".join(f"{share:.4f} at {depth}" for depth, share in recall.stored.items())
        index = "" if recall.index is None else "; by the FAISS index " + ", ".join(f"{share:.4f}" for share in recall.index.values())
        console.print(f"share of the true nearest products found, {recall.queries:,} queries: {shares}{index}")


def _opened_by(name: FormatName, manifest: ExportManifest) -> str:
    """Say what opens the text tower."""
    if name != "text_tower":
        return ""
    if "text_tower/text_encoder.py" in manifest.files:
        return "; opened by text_encoder.py in it, not by sentence-transformers or Model2Vec, which have no hashed terms"
    by_one = "text_tower/config_sentence_transformers.json" in manifest.files
    return "; opened by sentence-transformers" + ("" if by_one else " and Model2Vec")


command = reporting(run_export, _render)
