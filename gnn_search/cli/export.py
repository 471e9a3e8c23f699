"""`gnn-search export`: vectors, index and text tower for other systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from gnn_search.cli.options import as_of_option, graph_option, json_option, out_option, path_argument, threads_option
from gnn_search.cli.output import emit

if TYPE_CHECKING:
    from gnn_search.index.export import ExportManifest


@click.command()
@path_argument("model")
@out_option("Folder to be made.")
@click.option("--onnx", is_flag=True, help="Also write the text tower and the personal tower as ONNX, checked with ONNX Runtime.")
@graph_option
@as_of_option
@threads_option
@json_option
def command(model: Path, out: Path, onnx: bool, graph: Path | None, as_of: str | None, as_json: bool) -> None:
    """Write vectors, a FAISS index and the text tower.

    Products, users, queries and categories become parquet tables of the shop's own ids and vectors; the index folder holds a FAISS file and
    the ids of its rows; the text tower is a folder for the model2vec package, or for sentence-transformers where it is a transformer. All
    vectors have length 1, apart from those of users of whom nothing is known, which are zero and counted in the manifest.

    With --onnx the folder onnx holds what a server needs to encode any request without torch and the graph: networks that turn a text
    into a query's vector and a query's vector into a shopper's own, and serving.py, which makes their inputs from a shopper's events.

    \b
    Example:
      gnn-search export demo/model --out demo/export
    """
    manifest = run_export(model, out, graph, as_of, onnx=onnx)
    emit(manifest, as_json, lambda console: render(console, out, manifest))


def run_export(model: Path, out: Path, graph: Path | None = None, as_of: str | None = None, *, onnx: bool = False) -> ExportManifest:
    """Export a model folder."""
    from gnn_search.index.export import export_model
    from gnn_search.layout import refuse_existing
    from gnn_search.model.store import open_model
    from gnn_search.retrieval.moments import resolve_moment
    from gnn_search.vectors.shop_vectors import open_shop_vectors

    refuse_existing(out)
    opened = open_model(model, graph)
    opened.graph.verify()
    return export_model(opened, open_shop_vectors(opened, resolve_moment(opened.graph, as_of)), out, onnx=onnx)


def render(console: Console, out: Path, manifest: ExportManifest) -> None:
    """Write what was exported."""
    table = Table("what", "how many", "of length 0", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for node_type, count in manifest.counts.items():
        table.add_row(f"{node_type} vectors", f"{count:,}", f"{manifest.zero_vectors[node_type]:,}")
    console.print(table)
    size = sum(file.bytes for file in manifest.files.values()) / 1e6
    what = f"{len(manifest.files)} files, {size:,.1f} MB, vectors of {manifest.dimension} dimensions"
    console.print(f"{out}: {what}, as of {manifest.as_of:%Y-%m-%d %H:%M} UTC")
