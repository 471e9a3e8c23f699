"""Opening a graph folder, what a damaged one says, and `before(t)` against a plain filter."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.errors import ArtefactError, RequestError
from gnn_search.graph.csr import Csr
from gnn_search.graph.store import Graph, GraphManifest, GraphView, RelationInfo, to_datetime, to_time

EDGE = ("user", "chose", "product")


def graph_of(csr: Csr, snapshots: tuple[int, ...] = ()) -> Graph:
    """A graph of one relation that is on no disk."""
    source, name, target = EDGE
    timed = csr.time is not None
    relation = RelationInfo(source=source, relation=name, target=target, edges=csr.num_edges, timed=timed, snapshots=snapshots)
    nothing = dict.fromkeys(("time_first", "time_last", "validation_start", "test_start", "taxonomy_depth", "products_in_no_category"), 0)
    manifest = GraphManifest.model_construct(relations=(relation,), **nothing)
    return Graph(Path("nowhere"), manifest, _csr={EDGE: csr})


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 8)), max_size=30), st.integers(-1, 10))
def test_before_is_a_plain_filter(edges, moment):
    edges = sorted(edges, key=lambda edge: edge[2])
    row, index, time = (np.array([edge[place] for edge in edges], np.int64) for place in range(3))
    weight = np.arange(len(edges), dtype=np.float32)
    view = graph_of(Csr.from_edges(row.astype(np.int32), index.astype(np.int32), time, weight, 5)).before(moment).edges(EDGE)
    found = [column.tolist() for column in view.flatten() if column is not None]
    expected = sorted((where, number) for number, (where, _, when) in enumerate(edges) if when < moment)
    assert found[0] == [where for where, _ in expected]
    assert found[1] == [edges[number][1] for _, number in expected]
    assert found[2] == [edges[number][2] for _, number in expected]
    assert found[3] == [number for _, number in expected]
    assert view.degree().tolist() == [sum(where == place for where, _ in expected) for place in range(5)]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([3, 5, 9])), max_size=30), st.integers(0, 12))
def test_of_snapshots_only_the_last_one_made_is_seen(edges, moment):
    edges = sorted(edges, key=lambda edge: edge[1])
    row = np.array([where for where, _ in edges], np.int32)
    time = np.array([snapshot - 1 for _, snapshot in edges], np.int64)
    csr = Csr.from_edges(row, np.arange(len(edges), dtype=np.int32), time, np.ones(len(edges), np.float32), 4)
    seen = graph_of(csr, (3, 5, 9)).before(moment).edges(EDGE).flatten()[1].tolist()
    last = max((snapshot for snapshot in (3, 5, 9) if snapshot <= moment), default=None)
    assert sorted(seen) == [number for number, (_, snapshot) in enumerate(edges) if snapshot == last]


def test_what_has_no_time_is_always_seen():
    csr = Csr.from_edges(np.array([0, 1], np.int32), np.array([1, 0], np.int32), None, np.ones(2, np.float32), 2)
    assert graph_of(csr).before(-(2**62)).edges(EDGE).degree().tolist() == [1, 1]


@given(st.integers(0, 60 * 24))
def test_every_relation_of_a_built_graph_is_a_plain_filter(tiny_graph, hour):
    moment = tiny_graph.manifest.time_first + hour * 3_600_000_000
    view = tiny_graph.before(moment)
    for edge_type, relation in tiny_graph.relations.items():
        time = tiny_graph.csr(edge_type).time
        found = view.edges(edge_type).flatten()[2]
        if time is None:
            assert view.edges(edge_type).degree().sum() == relation.edges
        elif relation.snapshots:
            made = [snapshot - 1 for snapshot in relation.snapshots if snapshot <= moment]
            assert len(found) == (np.count_nonzero(time == made[-1]) if made else 0)
        else:
            assert len(found) == np.count_nonzero(time < moment)
            assert (found < moment).all()


def test_a_view_knows_its_moment_and_cuts_once(tiny_graph):
    view = tiny_graph.before(np.int64(5))
    assert isinstance(view, GraphView)
    assert (view.time, view.graph) == (5, tiny_graph)
    assert view.edges(("user", "issues", "query")) is view.edges(("user", "issues", "query"))


def test_arrays_open_memory_mapped(tiny_graph):
    graph = Graph.open(tiny_graph.path)
    csr = graph.csr(("user", "purchase", "product"))
    assert isinstance(csr.index, np.memmap)
    assert csr is graph.csr(("user", "purchase", "product"))
    assert isinstance(graph.taxonomy.parent, np.memmap)


def test_an_unknown_relation_is_named(tiny_graph):
    with pytest.raises(RequestError, match=r"has no relation \('user', 'eats', 'product'\); it has \[\('user', 'click', 'product'\)"):
        tiny_graph.csr(("user", "eats", "product"))


def test_no_folder(tmp_path):
    with pytest.raises(ArtefactError, match=r"there is no graph folder .*nothing; make one with 'gnn-search build-graph'"):
        Graph.open(tmp_path / "nothing")


def test_a_folder_without_manifest(tmp_path):
    with pytest.raises(ArtefactError, match=r"is not a graph folder: graph.json is missing"):
        Graph.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"graph.json is damaged \(Expecting property name.*; build the graph again"),
        ("[]", r"graph.json is damaged \(expected a JSON object, got list\)"),
        ("{}", "is of format version None, this program reads 3; build the graph again"),
        ('{"format_version": 99}', "is of format version 99, this program reads 3; build the graph again"),
        ('{"format_version": 3}', r"graph.json is damaged \('name': Field required\); build the graph again"),
    ],
)
def test_a_damaged_manifest(tmp_path, content, message):
    (tmp_path / "graph.json").write_text(content)
    with pytest.raises(ArtefactError, match=message):
        Graph.open(tmp_path)


def test_an_unknown_key_in_the_manifest(fresh_graph):
    manifest = json.loads((fresh_graph / "graph.json").read_text())
    manifest["colour"] = "red"
    (fresh_graph / "graph.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=r"graph.json is damaged \('colour': Extra inputs are not permitted\)"):
        Graph.open(fresh_graph)


@pytest.mark.parametrize(
    "name", ["edges/user--purchase--product/index.npy", "nodes/user.parquet", "taxonomy/parent.npy", "examples/test.parquet"]
)
def test_a_missing_file(fresh_graph, name):
    (fresh_graph / name).unlink()
    with pytest.raises(ArtefactError, match=rf"is damaged: {name} is missing; build the graph again"):
        Graph.open(fresh_graph)


def test_a_truncated_file(fresh_graph):
    file = fresh_graph / "edges/user--purchase--product/time.npy"
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(
        ArtefactError, match=rf"user--purchase--product/time.npy has {size - 5:,} bytes, expected {size:,}; build the graph again"
    ):
        Graph.open(fresh_graph)


@pytest.mark.parametrize("name", ["../escaped", "/etc/hostname", "edges/../../up", "a\0b"])
def test_no_file_outside_the_folder_is_looked_at(fresh_graph, name):
    manifest = json.loads((fresh_graph / "graph.json").read_text(encoding="utf-8"))
    manifest["files"][name] = 1
    (fresh_graph / "graph.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"names the file .*, which can't lie inside it; make the folder again"):
        Graph.open(fresh_graph)


def test_no_relation_is_read_outside_the_folder(fresh_graph):
    manifest = json.loads((fresh_graph / "graph.json").read_text(encoding="utf-8"))
    manifest["relations"][0]["relation"] = "../../escaped"
    (fresh_graph / "graph.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"'relations\.0\.relation': .* should match pattern"):
        Graph.open(fresh_graph)


def test_verify_finds_a_flipped_bit(fresh_graph):
    Graph.open(fresh_graph).verify()
    file = fresh_graph / "edges/user--purchase--product/weight.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(
        ArtefactError, match=r"is damaged: its content hashes to [0-9a-f]{32}, expected [0-9a-f]{32}; build the graph again"
    ):
        Graph.open(fresh_graph).verify()


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_moments_round_trip(moment):
    assert to_datetime(to_time(moment)) == moment


def test_moments_with_an_offset():
    assert to_time(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0
    assert to_time(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1_000_000


def test_a_table_that_cannot_be_read_is_named(fresh_graph):
    file = fresh_graph / "examples" / "train.parquet"
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(ArtefactError, match=r"the graph .* is damaged: train\.parquet can't be read \(.*\); build the graph again"):
        Graph.open(fresh_graph).examples("train")


def test_an_array_that_cannot_be_read_is_named(fresh_graph):
    file = fresh_graph / "edges" / "query--leads_to--product" / "index.npy"
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(ArtefactError, match=r"query--leads_to--product.* is damaged \(.*\); build the graph again"):
        Graph.open(fresh_graph).csr(("query", "leads_to", "product"))


def test_verify_finds_a_cut_that_was_moved(fresh_graph):
    manifest = json.loads((fresh_graph / "graph.json").read_text())
    manifest["test_start"] += 1
    (fresh_graph / "graph.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="is damaged: its content hashes to"):
        Graph.open(fresh_graph).verify()
