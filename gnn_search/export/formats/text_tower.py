"""The text tower as a model of its own."""

from __future__ import annotations

from pathlib import Path

from gnn_search.export.source import ExportSource
from gnn_search.vectors.text_model import write_text_model


def write_text_tower(source: ExportSource, folder: Path) -> None:
    """Write a folder for sentence-transformers, and for Model2Vec where the tower is static."""
    folder.rmdir()
    write_text_model(folder, source.model.towers.text)
