"""Write an export: every wanted format, and the manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gnn_search.errors import RequestError
from gnn_search.export.manifest import ExportManifest, describe_files
from gnn_search.export.recall import measure_recall, recall_of
from gnn_search.export.registry import WRITERS, check_dtype
from gnn_search.export.requests import encode_request_file
from gnn_search.export.settings import TABLE_FORMATS, TOWER_FORMATS, ExportSettings
from gnn_search.export.source import ExportSource, VectorTable
from gnn_search.export.storage import Storage
from gnn_search.graph.store import to_datetime
from gnn_search.index.store import METRIC
from gnn_search.layout import FORMAT_VERSION, ExportLayout, refuse_existing, staged, write_json
from gnn_search.machine import library_versions
from gnn_search.retrieval.options import RankingOptions
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings

REQUEST = "request"
"""Name of the table of requests."""


def export_model(
    model: Model,
    embeddings: NodeEmbeddings,
    out: Path,
    settings: ExportSettings | None = None,
    *,
    requests: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ExportManifest:
    """Write a model's vectors, and what else other programs.

    The query vectors are those of known queries without a user; the text tower encodes any other, and `requests` gives those with one.
    Vectors are read, turned and written in parts, so memory holds a part of them; the FAISS index alone is made in memory.

    Args:
        model: The model.
        embeddings: Its node embeddings.
        out: The folder, made whole or not at all.
        settings: What to write; by default parquet, FAISS index and text tower.
        requests: File of users and queries whose personal vectors become a table of their own.
        progress: Receives the rows written and their total.

    Raises:
        OutputExistsError: `out` exists.
        RequestError: A format can't hold the kind of number, none of the formats holds requests, or a request is blank.
        TableError: The file of requests can't be used.
        ConfigError, ArtefactError, MissingExtraError: The towers can't be written as ONNX (see `write_onnx_towers`).
    """
    settings = settings or ExportSettings()
    refuse_existing(out)
    check_dtype(settings)
    if requests is not None and not set(settings.formats) & set(TABLE_FORMATS):
        raise RequestError(f"no format holds the vectors of requests; add one of {', '.join(TABLE_FORMATS)}")
    with staged(out) as partial:
        partial.mkdir()
        tables: dict[str, VectorTable] = {
            name: VectorTable(model.graph.nodes(name)[:, :1], embeddings.vectors[name]) for name in settings.nodes
        }
        spool = partial / "requests.npy"
        if requests is not None:
            retriever = Retriever(model, RankingOptions("vector"), embeddings=embeddings)
            tables[REQUEST] = encode_request_file(retriever, requests, spool)
        source = _source(model, embeddings, tables, settings, progress)
        layout = ExportLayout(partial)
        for name in settings.formats:
            layout.format(name).mkdir()
            WRITERS[name].write(source, layout.format(name))
        spool.unlink(missing_ok=True)
        manifest = _describe(source, embeddings, settings, layout)
        write_json(layout.manifest, manifest.model_dump(mode="json"))
    return manifest


def _source(
    model: Model, embeddings: NodeEmbeddings, tables: dict[str, VectorTable], settings: ExportSettings, progress: Callable[[int, int], None]
) -> ExportSource:
    products = VectorTable(model.graph.nodes("product")[:, :1], embeddings.vectors["product"])
    in_tables = sum(map(len, tables.values()))
    total = sum(0 if name in TOWER_FORMATS else in_tables if name in TABLE_FORMATS else len(products) for name in settings.formats)
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        progress(done, total)

    storage = Storage.fit(settings.dtype, [products.vectors, *(table.vectors for table in tables.values())])
    return ExportSource(model, embeddings, products, tables, storage, settings.shard_bytes, advance)


def _describe(source: ExportSource, embeddings: NodeEmbeddings, settings: ExportSettings, layout: ExportLayout) -> ExportManifest:
    model = source.model
    index = layout.index if "faiss" in settings.formats else None
    return ExportManifest(
        format_version=FORMAT_VERSION,
        name=model.manifest.name,
        graph_name=model.graph.manifest.name,
        graph_hash=model.graph.manifest.hash,
        model_hash=model.manifest.hash,
        as_of=to_datetime(embeddings.as_of),
        formats=settings.formats,
        dimension=source.dimension,
        dtype=settings.dtype,
        scale=source.storage.scale,
        metric=METRIC,
        norm=1.0,
        keys={name: tuple(table.keys.columns) for name, table in source.tables.items()},
        counts={name: len(table) for name, table in source.tables.items()},
        zero_vectors={name: table.count_zero() for name, table in source.tables.items()},
        recall=measure_recall(source, embeddings.vectors["query"], index) if recall_of(settings.formats) else None,
        files=describe_files(layout.root),
        versions=library_versions(),
    )
