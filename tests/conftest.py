"""Fixtures for all tests: one tiny shop and its graph, shared, and copies to be changed."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from marks import marks_of
from models import write_model
from shops import build, write_tiny_shop

from gnn_search.graph.store import Graph

pytest_plugins = ["hand_made_shops", "postgres_server"]

# On a busy machine an example may take long; that is no fault.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _no_progress_lines() -> Iterator[None]:
    """Keep lines of progress out of stderr, which on a busy machine would come at any time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gnn_search.cli.output.SECONDS_A_LINE", math.inf)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they cost and need."""
    for item in items:
        for mark in marks_of(item.nodeid, getattr(item, "fixturenames", ())):
            item.add_marker(mark)


@pytest.fixture(scope="session")
def tiny_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of a tiny shop, its tables beside it. Not to be changed."""
    return write_tiny_shop(tmp_path_factory.mktemp("tiny_shop"))


@pytest.fixture(scope="session")
def tiny_graph(tiny_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The graph of the tiny shop. Not to be changed."""
    return build(tiny_shop, tmp_path_factory.mktemp("tiny_graph") / "graph")


@pytest.fixture
def fresh_shop(tmp_path: Path) -> Path:
    """The recipe of a tiny shop that the test may change."""
    return write_tiny_shop(tmp_path / "shop")


@pytest.fixture
def fresh_graph(tiny_graph: Graph, tmp_path: Path) -> Path:
    """A graph folder that the test may damage."""
    return shutil.copytree(tiny_graph.path, tmp_path / "graph")


@pytest.fixture(scope="session")
def tiny_model(tiny_graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder for the tiny graph, with random weights. Not to be changed."""
    return write_model(tiny_graph, tmp_path_factory.mktemp("tiny_model") / "model")


@pytest.fixture
def fresh_model(tiny_model: Path, tmp_path: Path) -> Path:
    """A model folder that the test may damage."""
    return shutil.copytree(tiny_model, tmp_path / "model")
