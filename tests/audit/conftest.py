"""A clean shop, in which two of the test period's queries are new, with its model; and copies to plant faults in."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from models import write_model
from shops import build, write_tiny_shop

from gnn_search.graph.store import Graph


@pytest.fixture(scope="session")
def clean_graph(tmp_path_factory) -> Graph:
    folder = tmp_path_factory.mktemp("clean_shop")
    recipe = write_tiny_shop(folder)
    events = pl.read_parquet(folder / "events.parquet").sort("timestamp", maintain_order=True).with_row_index()
    last = pl.col("index") >= events.height - 2
    events.with_columns(query=pl.when(last).then(pl.lit("quokka quokka quokka")).otherwise("query")).drop("index").write_parquet(
        folder / "events.parquet"
    )
    return build(recipe, folder / "graph")


@pytest.fixture(scope="session")
def clean_model(clean_graph, tmp_path_factory) -> Path:
    return write_model(clean_graph, tmp_path_factory.mktemp("clean_model") / "model")


@pytest.fixture
def graph(clean_graph, tmp_path) -> Path:
    """A graph folder to plant a fault in."""
    return shutil.copytree(clean_graph.path, tmp_path / "graph")


@pytest.fixture
def model(clean_model, tmp_path) -> Path:
    """A model folder to plant a fault in."""
    return shutil.copytree(clean_model, tmp_path / "model")
