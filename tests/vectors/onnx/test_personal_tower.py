"""What ONNX Runtime gives for requests equals the package's personal vectors, whatever parts the model has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_folders import needs_onnx, random_model, write_towers
from rich_shop import PARTS, write_rich_shop
from shops import build
from towers import tiny_config

from gnn_search.graph.store import Graph
from gnn_search.vectors.onnx.personal_tower import user_of, write_onnx_personal_tower
from gnn_search.vectors.onnx.serving import ServingTables, User, read_tables
from gnn_search.vectors.onnx.write import open_session, run_requests

needs_onnx()

SHARED = PARTS["shared_attributes"]
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "one sequence for all actions": {"user": {"by_action": False}},
    "short half-life": {"user": {"half_life_days": 0.5}},
    "no history": {"user": {"attention_length": 0}},
    "no recent choices": {"user": {"sequence_length": 0}},
    "no attributes": {"user": {"attributes": False}},
    "history alone": {"user": {"sequence_length": 0, "attributes": False}},
    "attributes alone": {"user": {"sequence_length": 0, "attention_length": 0}},
    "few query categories": {"user": {"query_categories": 1}},
    "brands": {"user": {"brands": True, "profile_length": 7}, "product": {"brand": True}},
    "shared attributes": {"shared_attributes": SHARED},
    "shared attributes alone": {"user": {"sequence_length": 0, "attributes": False, "attention_length": 0}, "shared_attributes": SHARED},
    "everything": PARTS,
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Graph:
    folder = tmp_path_factory.mktemp("onnx")
    return build(write_rich_shop(folder / "shop"), folder / "graph")


def requests(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Return every (user or nobody, query)."""
    users, queries = np.arange(-1, graph.num_nodes["user"], dtype=np.int32), np.arange(graph.num_nodes["query"], dtype=np.int32)
    return np.repeat(users, len(queries)), np.tile(queries, len(users))


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_same_vectors(graph, tmp_path, name):
    written = write_towers(graph, tiny_config(**CONFIGURATIONS[name]), tmp_path)
    info = written.manifest.personal_tower
    assert info is not None
    user, query = requests(graph)
    theirs, ours = (
        run_requests(written.folder, written.model, written.encoder, info, user, query),
        written.encoder.encode_requests(user, query),
    )
    assert np.allclose(theirs, ours, rtol=0, atol=1e-5)
    plain = written.encoder.encode_queries(query).numpy()
    assert np.array_equal(theirs[user < 0], plain[user < 0])
    assert np.abs(theirs - plain).max() > 0.01


@pytest.mark.parametrize("day", ["first", "validation", "last"])
def test_same_vectors_at_other_times(graph, tmp_path, day):
    manifest = graph.manifest
    moment = {"first": manifest.time_first, "validation": manifest.validation_start, "last": manifest.time_last + 1}[day]
    written = write_towers(graph, tiny_config(**PARTS), tmp_path, moment)
    assert written.manifest.personal_tower is not None
    user, query = requests(graph)
    theirs = run_requests(written.folder, written.model, written.encoder, written.manifest.personal_tower, user, query)
    assert np.allclose(theirs, written.encoder.encode_requests(user, query), rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def everything(graph, tmp_path_factory):
    return write_towers(graph, tiny_config(**PARTS), tmp_path_factory.mktemp("everything"))


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_any_batch(graph, everything, batch):
    user, query = (side[:150] for side in requests(graph))
    theirs = run_requests(everything.folder, everything.model, everything.encoder, everything.manifest.personal_tower, user, query, batch)
    assert np.allclose(theirs, everything.encoder.encode_requests(user, query), rtol=0, atol=1e-5)


def test_users_vectors(graph, everything):
    users = np.arange(graph.num_nodes["user"])
    tables = ServingTables(everything.manifest.personal_tower.model_dump(), read_tables(everything.folder))
    users = [user_of(graph, user, everything.encoder.view.time) for user in users]
    vectors = everything.encoder.encode_queries(np.zeros(len(users), np.int32)).numpy()
    inputs = tables.inputs(vectors, [-1] * len(users), users, everything.encoder.products.numpy())
    found = open_session(everything.folder / "personal_tower.onnx").run(["user"], inputs)[0]
    assert np.allclose(found, everything.encoder.encode_users(), rtol=0, atol=1e-5)


def test_nobody_and_somebody_without_a_past_leave_the_query_as_it_is_to_the_bit(everything):
    tables = ServingTables.open(everything.folder)
    now = np.datetime64("2024-02-22")
    future = User(now, time=[now], product=[3], action=["purchase"])
    strange = User(now, time=["2024-02-01"], product=[3], action=["impression"], attributes={"age": "unheard of", "planet": "Mars"})
    unlisted = User(now, time=["2024-02-01"], product=[-1], action=["purchase"])
    vectors = everything.encoder.encode_queries(np.arange(4, dtype=np.int32)).numpy()
    inputs = tables.inputs(vectors, [0, 1, 2, 3], [User(now), future, strange, unlisted], everything.encoder.products.numpy())
    personal, user = open_session(everything.folder / "personal_tower.onnx").run(["personal", "user"], inputs)
    assert np.array_equal(personal, vectors)
    assert not user.any()


def test_wider_rectangles_change_nothing(everything):
    tables, graph = ServingTables.open(everything.folder), everything.model.graph
    users = [user_of(graph, user, everything.encoder.view.time) for user in (0, 4)]
    vectors = everything.encoder.encode_queries(np.array([3, 8], np.int32)).numpy()
    inputs = tables.inputs(vectors, [3, 8], users, everything.encoder.products.numpy())
    session = open_session(everything.folder / "personal_tower.onnx")
    wide = {}
    for name, value in inputs.items():
        fixed = name in {"query", "attributes", "shared_attributes"}
        margins = [(0, 0), (0, 0 if fixed else 3)] + [(0, 0)] * (value.ndim - 2)
        wide[name] = np.pad(value, margins, constant_values=-1 if name.startswith("profile") else 0)
    assert np.allclose(session.run(["personal"], wide)[0], session.run(["personal"], inputs)[0], rtol=0, atol=1e-6)


def test_a_model_without_users_has_no_personal_tower(tiny_graph, tmp_path):
    config = tiny_config(user={"sequence_length": 0, "attributes": False, "attention_length": 0})
    assert write_onnx_personal_tower(tmp_path, random_model(tiny_graph, config, tmp_path / "model")) is None
    assert not (tmp_path / "personal_tower.onnx").exists()
    written = write_towers(tiny_graph, config, tmp_path / "towers")
    assert written.manifest.personal_tower is None
    assert (written.manifest.check.requests, written.manifest.check.personal_difference) == (0, None)
    assert {path.name for path in written.folder.iterdir()} == {"onnx.json", "text_encoder.py", "text_tower.onnx", "tokenizer.json"}
    with pytest.raises(ValueError, match="has nothing to say of users; search with the query's vector itself"):
        ServingTables.open(written.folder)
