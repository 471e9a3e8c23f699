"""Our sampler under PyG's own `NodeLoader`, feeding a PyG model."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch_geometric.loader import NodeLoader
from torch_geometric.nn import HeteroConv, SAGEConv
from torch_geometric.sampler import EdgeSamplerInput, NodeSamplerInput

from gnn_search.errors import RequestError
from gnn_search.graph.pyg import to_hetero_data
from gnn_search.sampling.pyg_sampler import ViewSampler

PURCHASE, BOUGHT = ("user", "purchase", "product"), ("product", "rev_purchase", "user")
LEADS, LED = ("query", "leads_to", "product"), ("product", "rev_leads_to", "query")
IN = ("product", "in", "category")
FAN_OUT = {PURCHASE: [3, 2], BOUGHT: [4, 2], LEADS: [2, 2], LED: [2, 1], IN: [5, 0]}


@pytest.fixture(scope="module")
def view(tiny_graph):
    return tiny_graph.before(tiny_graph.manifest.validation_start)


@pytest.fixture(scope="module")
def data(view):
    data = to_hetero_data(view)
    for node_type in data.node_types:
        data[node_type].x = torch.arange(data[node_type].num_nodes * 4, dtype=torch.float32).reshape(-1, 4) / 100
    return data


def sample(sampler: ViewSampler, node_type: str, nodes: list[int]):
    return sampler.sample_from_nodes(NodeSamplerInput(torch.arange(len(nodes)), torch.tensor(nodes), None, node_type))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_two_layer_hetero_conv_learns_from_a_node_loader(view, data, workers):
    loader = NodeLoader(data, ViewSampler(view, FAN_OUT), input_nodes="product", batch_size=7, num_workers=workers)
    layers = [HeteroConv({edge_type: SAGEConv((-1, -1), 8) for edge_type in FAN_OUT}) for _ in range(2)]
    seen = []
    for batch in loader:
        hidden = batch.x_dict
        edges = {edge_type: batch[edge_type].edge_index for edge_type in FAN_OUT}
        for layer in layers:
            hidden = {**hidden, **layer(hidden, edges)}
        output = hidden["product"][: batch["product"].batch_size]
        output.square().mean().backward()
        seen.extend(batch["product"].n_id[: batch["product"].batch_size].tolist())
        assert torch.isfinite(output).all()
    assert seen == list(range(40))
    assert all(parameter.grad is not None for parameter in layers[0].convs[PURCHASE].parameters())


def test_sampled_edges_are_in_the_view_and_from_the_past(view, data):
    sampled = 0
    for batch in NodeLoader(data, ViewSampler(view, FAN_OUT), input_nodes="user", batch_size=4):
        for node_type in data.node_types:
            torch.testing.assert_close(batch[node_type].x, data[node_type].x[batch[node_type].n_id])
            assert len(batch[node_type].n_id.unique()) == len(batch[node_type].n_id)
        for edge_type in FAN_OUT:
            store = batch[edge_type]
            source, target = (batch[kind].n_id[side] for kind, side in zip(edge_type[::2], store.edge_index, strict=True))
            torch.testing.assert_close(torch.stack([source, target]), data[edge_type].edge_index[:, store.e_id])
            torch.testing.assert_close(store.edge_weight, data[edge_type].edge_weight[store.e_id])
            if "edge_time" in store:
                assert (store.edge_time < view.time).all()
            sampled += len(store.e_id)
        assert batch["product", "bought_with", "product"].edge_index.shape == (2, 0)
    assert sampled > 200


def test_hops_follow_one_another(view):
    out = sample(ViewSampler(view, FAN_OUT), "user", [3, 0, 5])
    assert out.node["user"][:3].tolist() == [3, 0, 5]
    assert {key: sum(sizes) for key, sizes in out.num_sampled_nodes.items()} == {key: len(nodes) for key, nodes in out.node.items()}
    assert out.num_sampled_nodes["user"][0] == 3
    assert out.num_sampled_nodes["product"][:2] == [0, len(set(out.row[BOUGHT][: out.num_sampled_edges[BOUGHT][0]].tolist()))]
    for edge_type, sizes in out.num_sampled_edges.items():
        bounds = [0, *torch.tensor(sizes).cumsum(0).tolist()]
        assert bounds[-1] == len(out.edge[edge_type])
        reached = torch.tensor(out.num_sampled_nodes[edge_type[2]]).cumsum(0).tolist()
        for hop, (start, end) in enumerate(pairwise(bounds)):
            target = out.col[edge_type][start:end]
            # Only what the last hop brought is asked for its neighbours, and each node for at most its fan-out.
            if len(target):
                assert target.min() >= (reached[hop - 1] if hop else 0)
                assert target.max() < reached[hop]
                assert target.bincount().max() <= FAN_OUT[edge_type][hop]


def test_the_latest_neighbours_without_a_seed(view, tiny_graph):
    out = sample(ViewSampler(view, {BOUGHT: [2]}, seed=None), "user", [1])
    edges = view.edges(BOUGHT)
    expected = edges.csr.index[edges.starts[1] : edges.ends[1]][-2:].tolist()
    assert out.node["product"][out.row[BOUGHT]].tolist() == expected


def test_one_seed_twice_has_its_neighbours_twice(view):
    out = sample(ViewSampler(view, {BOUGHT: [3]}), "user", [2, 4, 2])
    assert out.node["user"].tolist() == [2, 4, 2]
    first, _, third = (out.row[BOUGHT][out.col[BOUGHT] == place].tolist() for place in range(3))
    assert first == third
    assert len(first) == 3


def test_draws_follow_seed_and_epoch(view):
    users = list(range(12))

    def draw(seed: int, epoch: int) -> tuple[int, ...]:
        sampler = ViewSampler(view, {BOUGHT: [3]}, seed=seed)
        sampler.set_epoch(epoch)
        return tuple(sample(sampler, "user", users).edge[BOUGHT].tolist())

    assert draw(0, 0) == draw(0, 0)
    assert len({draw(0, 0), draw(1, 0), draw(0, 1)}) == 3


def test_nodes_without_neighbours(tiny_graph):
    empty = tiny_graph.before(tiny_graph.manifest.time_first)
    out = sample(ViewSampler(empty, {BOUGHT: [3, 3]}), "user", [0, 1])
    assert out.num_sampled_edges == {BOUGHT: [0, 0]}
    assert out.node["product"].tolist() == []


def test_what_it_can_not_do_is_said(view):
    sampler = ViewSampler(view, {BOUGHT: [3]})
    with pytest.raises(RequestError, match="all see its view's time; leave input_time out"):
        sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([0]), torch.tensor([5]), "user"))
    with pytest.raises(RequestError, match="samples from nodes only"):
        sampler.sample_from_edges(EdgeSamplerInput(None, torch.tensor([0]), torch.tensor([0])))
    with pytest.raises(RequestError, match=r"one number a hop, but their numbers of hops are \[1, 2\]"):
        ViewSampler(view, {BOUGHT: [3], LED: [1, 1]})
    with pytest.raises(RequestError, match="has no relation"):
        ViewSampler(view, {("user", "eats", "product"): [3]})
