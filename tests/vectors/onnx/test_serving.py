"""`serving.py` makes the inputs that the package's own code would make of the same past, and needs numpy alone."""

from __future__ import annotations

import ast
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx_folders import needs_onnx, write_towers
from rich_shop import PARTS, write_rich_shop
from shops import build
from towers import tiny_config

from gnn_search.graph.store import Graph
from gnn_search.sampling.history import HistoryIndex
from gnn_search.tables.text import normalise_text
from gnn_search.vectors.onnx import serving
from gnn_search.vectors.onnx.personal_tower import user_of
from gnn_search.vectors.onnx.serving import ServingTables, User

needs_onnx()

DAY = 86_400e6
SETTINGS = {
    "actions": ["click", "purchase"],
    "attention_length": 2,
    "sequence_length": 2,
    "sequences": {"recent_click": "click", "recent": None},
    "brands": True,
    "profile_length": 2,
    "attributes": [
        {"column": "age", "first": 0, "values": ["old", "young"]},
        {"column": "member", "first": 2, "values": ["false", "true"]},
    ],
    "shared_attributes": [],
}
TABLES = {
    "product_category": np.array([0, 0, 1, -1], dtype=np.int32),
    "product_brand": np.array([0, 1, 1, -1], dtype=np.int32),
    "query_categories_indptr": np.array([0, 1, 1, 3]),
    "query_categories": np.array([0, 1, 0], dtype=np.int32),
    "query_texts": np.array([[3, 4], [1, 0], [-2, 0]], dtype=np.float32),
}
PRODUCTS = np.arange(4, dtype=np.float32)[:, None] + 10
NOW = np.datetime64("2024-01-11")


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Graph:
    folder = tmp_path_factory.mktemp("serving")
    return build(write_rich_shop(folder / "shop"), folder / "graph")


@pytest.fixture(scope="module")
def written(graph, tmp_path_factory):
    return write_towers(graph, tiny_config(**PARTS), tmp_path_factory.mktemp("towers"))


def one_user() -> User:
    """Return a user with events out of order, one of another kind and one to come."""
    times = ["2024-01-09", "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-11", "2024-01-05", "2024-01-04"]
    actions = ["click", "purchase", "click", "purchase", "click", "impression", "click"]
    product = [0, 1, 0, 2, 3, 2, 3]
    return User(NOW, times, product, actions, {"age": "young", "member": True, "planet": "Mars"})


def test_a_case_worked_out_by_hand():
    found = ServingTables(SETTINGS, TABLES).inputs(np.ones((2, 2), np.float32), [0, -1], [one_user(), User(NOW)], PRODUCTS)
    # Category 0 holds products 0, chosen twice, and 1; the second row is nobody's.
    assert found["history_vectors"][..., 0].tolist() == [[11, 10], [0, 0]]
    assert found["history_counts"].tolist() == [[1, 2], [0, 0]]
    assert found["history_days"].tolist() == [[10, 2], [0, 0]]
    # The latest two clicks are of products 3 and 0; so are the latest two choices.
    for name in ("recent_click", "recent"):
        assert found[f"{name}_vectors"][0, :, 0].tolist() == [13, 10]
        assert found[f"{name}_counts"][0].tolist() == [1, 1]
        assert found[f"{name}_days"][0].tolist() == [7, 2]
    # Five choices, in time order of products 1, 0, 2, 3, 0: the middles of their halves are the second and the fourth.
    assert found["profile_brands"].tolist() == [[0, -1], [-1, -1]]
    assert found["attributes"].tolist() == [[1, 3], [-1, -1]]
    assert {value.dtype.name for value in found.values()} == {"float32", "int64"}


def test_the_query_that_calls_up_history():
    tables = ServingTables(SETTINGS, TABLES)
    assert tables.history_query(0, np.array([-1, 0], np.float32)) == 0
    # Query 1 led nowhere, so that neither it nor its text is a candidate.
    assert tables.history_query(1, np.array([1, 0], np.float32)) == 0
    assert tables.history_query(-1, np.array([-1, 0], np.float32)) == 2
    assert tables.history_query(-1, np.array([0, -1], np.float32)) == -1
    assert tables.history_query(-1, np.zeros(2, np.float32)) == -1


def moments(graph: Graph) -> list[int]:
    manifest = graph.manifest
    return [*np.linspace(manifest.time_first, manifest.time_last + 1, 5).astype(np.int64).tolist(), manifest.test_start]


def test_inputs_are_the_packages(graph, written):
    tables, categories = ServingTables.open(written.folder), written.encoder.categories
    # Each product's vector is its number, which tells who stands in a slot.
    numbers = np.arange(1, graph.num_nodes["product"] + 1, dtype=np.float32)[:, None]
    filled = 0
    for moment in moments(graph):
        user = np.repeat(np.arange(-1, graph.num_nodes["user"], dtype=np.int32), 3)
        query = np.resize(np.arange(-1, graph.num_nodes["query"], dtype=np.int32), len(user))
        inputs = written.model.inputs.users(user, query, np.full(len(user), moment), categories)
        users = [user_of(graph, int(who), moment) for who in user]
        found = tables.inputs(np.zeros((len(user), 16), np.float32), query.tolist(), users, numbers)
        ours = {"history": (inputs.history, np.arange(len(user)))}
        ours |= {f"recent_{action}": (inputs.recent[place], inputs.row) for place, action in enumerate(graph.positive_actions)}
        for name, (past, rows) in ours.items():
            for row, place in enumerate(rows):
                part = slice(*past.indptr[place : place + 2])
                there = found[f"{name}_counts"][row] > 0
                assert found[f"{name}_vectors"][row, there, 0].tolist() == (past.product[part] + 1).tolist()
                assert found[f"{name}_counts"][row, there].tolist() == past.count[part].tolist()
                assert np.allclose(found[f"{name}_days"][row, there], (moment - past.last[part]) / DAY, rtol=1e-6)
                filled += there.sum()
        for row, place in enumerate(inputs.row):
            past = inputs.profile.product[slice(*inputs.profile.indptr[place : place + 2])]
            width = found["profile_brands"].shape[1]
            assert found["profile_brands"][row].tolist() == [*written.model.features.brands.code[past, 0], *[-1] * (width - len(past))]
    assert filled > 1000


def test_as_many_interactions_of_a_category_are_read(graph, written, monkeypatch):
    monkeypatch.setattr(written.model.inputs, "history", HistoryIndex(graph, most_read=2))
    monkeypatch.setattr(serving, "_INTERACTIONS_READ", 2)
    tables, moment = ServingTables.open(written.folder), graph.manifest.test_start
    user = np.repeat(np.arange(graph.num_nodes["user"], dtype=np.int32), 20)
    query = np.resize(np.arange(20, dtype=np.int32), len(user))
    inputs = written.model.inputs.users(user, query, np.full(len(user), moment), written.encoder.categories)
    users = [user_of(graph, int(who), moment) for who in user]
    found = tables.inputs(np.zeros((len(user), 16), np.float32), query.tolist(), users, written.encoder.products.numpy())
    rows = np.repeat(np.arange(len(user)), np.diff(inputs.history.indptr))
    assert found["history_counts"].sum(axis=1).tolist() == np.bincount(rows, inputs.history.count, len(user)).tolist()
    assert found["history_counts"].sum(axis=1).max() > 2


@given(st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"])))
def test_queries_are_normalised_as_the_graph_normalises_them(text):
    assert serving.normalise(text) == normalise_text(text)


@pytest.mark.parametrize("text", ["  Crème\t\nBRÛLÉE ", "ﬁne\u3000Tea", "\x1cTea\x1f", "ΟΔΟΣ", "İstanbul", ""])
def test_a_few_texts_that_libraries_may_see_differently(text):
    assert serving.normalise(text) == normalise_text(text)


def test_needs_numpy_alone(written):
    source = (written.folder / "serving.py").read_text(encoding="utf-8")
    imported = {name.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == {"numpy"}
