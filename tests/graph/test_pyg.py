"""`HeteroData` out and in again."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.data import HeteroData

from gnn_search.errors import RequestError
from gnn_search.graph.pyg import from_hetero_data, to_hetero_data


@pytest.fixture(scope="module")
def view(tiny_graph):
    return tiny_graph.before(tiny_graph.manifest.test_start)


def test_what_a_view_shows_stands_in_the_data(tiny_graph, view):
    data = to_hetero_data(view)
    assert data.validate()
    assert set(data.edge_types) == set(tiny_graph.edge_types)
    assert {node_type: data[node_type].num_nodes for node_type in data.node_types} == tiny_graph.num_nodes
    assert data["product"].node_id.to_list() == tiny_graph.nodes("product")["product_id"].to_list()
    for edge_type in tiny_graph.edge_types:
        target, source, time, weight = view.edges(edge_type).flatten()
        assert data[edge_type].edge_index.dtype == torch.int64
        assert data[edge_type].edge_index.tolist() == [source.tolist(), target.tolist()]
        assert data[edge_type].edge_weight.tolist() == weight.tolist()
        assert ("edge_time" in data[edge_type]) == (time is not None)
        if time is not None:
            assert (data[edge_type].edge_time < view.time).all()


def test_out_and_in_again(tiny_graph):
    nodes, relations = from_hetero_data(to_hetero_data(tiny_graph.before(2**62)))
    for node_type, table in nodes.items():
        assert table["node_id"].to_list() == tiny_graph.nodes(node_type).to_series(0).to_list()
    for edge_type, csr in relations.items():
        stored = tiny_graph.csr(edge_type)
        # Of derived relations a view shows one snapshot; of all others, everything.
        if not tiny_graph.relations[edge_type].snapshots:
            for name in ("indptr", "index", "time", "weight"):
                np.testing.assert_array_equal(getattr(csr, name), getattr(stored, name))


def test_a_few_relations_alone(view):
    assert to_hetero_data(view, [("user", "purchase", "product")]).edge_types == [("user", "purchase", "product")]


def test_an_unknown_relation(view):
    with pytest.raises(RequestError, match="has no relation"):
        to_hetero_data(view, [("user", "eats", "product")])


def small() -> HeteroData:
    data = HeteroData()
    data["a"].num_nodes = 3
    data["b"].x = torch.zeros(2, 5)
    data["a", "to", "b"].edge_index = torch.tensor([[2, 0, 1], [1, 1, 0]])
    return data


def test_data_of_another_make():
    data = small()
    data["b"].node_id = torch.tensor([7, 5])
    data["a", "to", "b"].edge_time = torch.tensor([30, 20, 10])
    nodes, relations = from_hetero_data(data)
    assert nodes["a"]["node_id"].to_list() == [0, 1, 2]
    assert nodes["b"]["node_id"].to_list() == [7, 5]
    csr = relations["a", "to", "b"]
    assert csr.indptr.tolist() == [0, 1, 3]
    assert csr.index.tolist() == [1, 0, 2]
    assert csr.time is not None
    assert csr.time.tolist() == [10, 20, 30]
    assert csr.weight.tolist() == [1, 1, 1]
    assert isinstance(nodes["b"], pl.DataFrame)


def test_data_without_time_keeps_the_order_of_its_edges():
    assert from_hetero_data(small())[1]["a", "to", "b"].index.tolist() == [1, 2, 0]
    assert from_hetero_data(small())[1]["a", "to", "b"].time is None


def test_an_edge_to_nowhere():
    data = small()
    data["a"].num_nodes = 2
    with pytest.raises(RequestError, match=r"names a nodes from 0 to 2, but there are 2; correct edge_index or num_nodes"):
        from_hetero_data(data)


def test_too_few_ids():
    data = small()
    data["a"].node_id = ["x"]
    with pytest.raises(RequestError, match="node type 'a' of the HeteroData has 3 nodes and 1 in node_id; give one id a node"):
        from_hetero_data(data)


def test_no_number_of_nodes():
    data = small()
    data["c"].colour = "red"
    with pytest.warns(UserWarning, match="Unable to accurately infer 'num_nodes'"), pytest.raises(RequestError, match="set num_nodes"):
        from_hetero_data(data)
