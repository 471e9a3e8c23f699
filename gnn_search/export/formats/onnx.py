"""The towers as ONNX."""

from __future__ import annotations

from pathlib import Path

from gnn_search.export.source import ExportSource
from gnn_search.vectors.onnx.write import write_onnx_towers


def write_onnx(source: ExportSource, folder: Path) -> None:
    """Write the text tower and the personal tower for ONNX Runtime, checked by it, and what makes their inputs."""
    folder.rmdir()
    write_onnx_towers(folder, source.model, source.embeddings)
