"""What an export says of itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from gnn_search.config.base import StrictModel
from gnn_search.export.recall import ExportRecall
from gnn_search.export.settings import DtypeName, FormatName
from gnn_search.layout import hash_files


class ExportedFile(StrictModel):
    """A file of an export: its size in bytes and its BLAKE2b hash."""

    bytes: int
    hash: str


class ExportManifest(StrictModel):
    """What `manifest.json` says of an export.

    Attributes:
        format_version: Of the folder.
        name: Of the configuration.
        graph_name: Of the graph.
        graph_hash: Hash of the graph's content.
        model_hash: Hash of the model's configuration, tokenizer and weights.
        as_of: What was known before this time (UTC) is in the vectors.
        formats: What there is; each has a folder of its name.
        dimension: Of every vector.
        dtype: Of their numbers; the FAISS index, the text tower and the towers as ONNX hold float32.
        scale: A stored number times this is the vector's; 1 but for int8.
        metric: How vectors are compared.
        norm: Length of every vector, but for the zero ones, and for what int8 and float16 round.
        keys: The id columns of each table of vectors.
        counts: Vectors by table.
        zero_vectors: Vectors of length 0 by table: users of whom nothing is known, texts without a known token.
        recall: How well the written vectors and index find the true nearest products; none where no vectors are written.
        files: All files but this one, by path.
        versions: Of the libraries that made it.
    """

    format_version: int
    name: str
    graph_name: str
    graph_hash: str
    model_hash: str
    as_of: datetime
    formats: tuple[FormatName, ...]
    dimension: int
    dtype: DtypeName
    scale: float
    metric: str
    norm: float
    keys: dict[str, tuple[str, ...]]
    counts: dict[str, int]
    zero_vectors: dict[str, int]
    recall: ExportRecall | None
    files: dict[str, ExportedFile]
    versions: dict[str, str]


def describe_files(folder: Path) -> dict[str, ExportedFile]:
    """Return the size and hash of every file under a folder, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): ExportedFile(bytes=path.stat().st_size, hash=hash_files([path])) for path in files}
