"""Each part of the product and user towers, alone, against sums worked out by hand from the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from rich_shop import write_rich_shop
from shops import DAY, build, write_tiny_shop
from towers import random_towers, tiny_config

from gnn_search.graph.store import Graph
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.two_tower import TwoTower
from gnn_search.sampling.inputs import InputSampler, UserInputs

OFF = {
    "product": {"category": False, "numeric": False, "attributes": False, "id_embedding": False, "queries": 0, "bought_with": 0},
    "query": {"products": 0, "id_embedding": False},
    "user": {"sequence_length": 0, "attributes": False, "attention_length": 0},
}
OFF["product"] |= {"related": 0, "degree": False}


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Graph:
    folder = tmp_path_factory.mktemp("towers")
    return build(write_rich_shop(folder / "shop"), folder / "graph")


class Setup:
    """A towers with a few parts, and what it reads at the start of the test period."""

    def __init__(self, graph: Graph, **parts) -> None:
        self.graph = graph
        settings = {part: {**OFF[part], **parts.get(part, {})} for part in OFF}
        shared = parts.get("shared_attributes", [])
        config = tiny_config(**settings, **({"shared_attributes": shared} if shared else {}))
        self.towers: TwoTower = random_towers(graph, config)
        self.inputs = InputSampler(graph, config)
        self.view = graph.before(graph.manifest.test_start)
        self.encoder = NodeEncoder(self.towers, self.inputs, self.view)
        self.everything = np.arange(graph.num_nodes["product"], dtype=np.int32)

    def titles(self) -> torch.Tensor:
        """Return the products' bases of text alone."""
        plain = random_towers(self.graph, tiny_config(**OFF))
        plain.text.load_state_dict(self.towers.text.state_dict())
        return plain.product_bases(self.everything, torch.ones(len(self.everything), dtype=torch.bool)).detach()

    def bases(self) -> torch.Tensor:
        return self.towers.product_bases(self.everything, torch.ones(len(self.everything), dtype=torch.bool)).detach()

    def users(self, user: np.ndarray) -> UserInputs:
        moment = np.full(len(user), self.view.time)
        return self.inputs.users(user, np.full(len(user), -1, np.int32), moment, self.encoder.categories)

    def user_vectors(self, products: torch.Tensor) -> torch.Tensor:
        """Return the vectors of all users, before they are scaled to unit length."""
        users = self.users(np.arange(self.graph.num_nodes["user"], dtype=np.int32))
        return self.towers.user_vectors(users, products)[users.row].detach()


def latest(graph: Graph, edge_type: tuple[str, str, str], row: int, before: int) -> list[tuple[int, int]]:
    """Return the (neighbour, time) of a row before a moment, in order."""
    csr = graph.csr(edge_type)
    inside = slice(*csr.indptr[row : row + 2])
    times = np.asarray(csr.time[inside]) if csr.time is not None else np.zeros(inside.stop - inside.start, np.int64)
    return [(int(index), int(time)) for index, time in zip(csr.index[inside], times, strict=True) if time < before]


def choices(graph: Graph, user: int, before: int, actions: Sequence[str] = ("click", "purchase")) -> list[tuple[int, int]]:
    """Return the (product, time) that a user chose before a moment, in time order."""
    found = [event for action in actions for event in latest(graph, ("product", f"rev_{action}", "user"), user, before)]
    return sorted(found, key=lambda event: event[1])


def by_last(entries: list[tuple[int, int]], before: int, half_life: float, most: int) -> list[tuple[int, float]]:
    """Return distinct neighbours with count * 2^(-age of the last / half-life)."""
    last = dict(entries)
    counts = {node: sum(other == node for other, _ in entries) for node in last}
    kept = sorted(last, key=lambda node: (last[node], node))[-most:]
    return [(node, counts[node] * 0.5 ** ((before - last[node]) / DAY / half_life)) for node in kept]


def mean(table: torch.Tensor, weighted: list[tuple[int, float]]) -> torch.Tensor:
    if not weighted:
        return torch.zeros(table.shape[1])
    total = sum(weight for _, weight in weighted)
    return torch.stack([table[node] * (weight / total) for node, weight in weighted]).sum(dim=0)


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.abs().sum() > 1


@pytest.mark.parametrize(("part", "columns"), [("numeric", ["price"]), ("attributes", ["size", "region", "town"]), ("brand", ["brand"])])
def test_values_of_the_catalogue_are_added(graph, part, columns):
    setup = Setup(graph, product={part: True, "numeric_buckets": 4})
    added = setup.bases() - setup.titles()
    table = getattr(setup.towers.product, part).weight.detach()
    rows = {}
    if part != "numeric":
        values = [(column, value) for column in columns for value in graph.nodes("product")[column].drop_nulls().unique().sort()]
        rows = {key: place for place, key in enumerate(values)}
    expected = torch.zeros_like(added)
    for product, row in enumerate(graph.nodes("product").iter_rows(named=True)):
        for column in columns:
            if part == "numeric":
                trained = np.unique(graph.examples("train")["product"].to_numpy())
                prices = graph.nodes("product")["price"].gather(trained).drop_nulls().to_numpy()
                bucket = 4 if row["price"] is None else int((np.quantile(prices, [0.25, 0.5, 0.75]) <= row["price"]).sum())
                expected[product] += table[bucket]
            elif row[column] is not None:
                expected[product] += table[rows[column, row[column]]]
    close(added, expected)


def test_how_often_a_product_was_chosen_counts_as_a_multiple_of_the_mean(graph):
    setup = Setup(graph, product={"degree": True})
    moment = graph.manifest.test_start
    times = np.array([len(latest(graph, ("query", "leads_to", "product"), product, moment)) for product in setup.everything])
    assert times.max() > 3
    degree = torch.from_numpy(np.log(1 + times / times.mean())).float()
    moved = setup.bases() + degree[:, None] * setup.towers.product.degree.weight.detach()[:, 0]
    close(setup.encoder.products, torch.nn.functional.normalize(moved, dim=1))


def test_related_products_are_a_layer_of_their_own(graph):
    setup = Setup(graph, product={"related": 2})
    bases, conv = setup.bases(), setup.towers.product.from_related[0]
    expected = []
    csr = graph.csr(("product", "rev_also", "product"))
    for product in setup.everything:
        inside = slice(*csr.indptr[product : product + 2])
        heaviest = sorted(zip(csr.index[inside].tolist(), csr.weight[inside].tolist(), strict=True), key=lambda pair: -pair[1])[:2]
        expected.append(bases[product] + conv.linear(mean(bases, heaviest)))
    expected = torch.nn.functional.normalize(torch.stack(expected), dim=1).detach()
    close(setup.encoder.products, expected)
    assert not torch.allclose(setup.encoder.products, torch.nn.functional.normalize(bases, dim=1), atol=1e-3)


def test_queries_of_a_product_count_by_age(graph):
    setup = Setup(graph, product={"queries": 4, "half_life_days": 5})
    bases, view = setup.bases(), setup.view
    texts = setup.towers.query_texts(np.arange(20, dtype=np.int32)).detach()
    expected = []
    for product in setup.everything:
        drawn = latest(graph, ("query", "leads_to", "product"), product, view.time)[-4:]
        weighted = [(query, 0.5 ** ((view.time - time) / DAY / 5)) for query, time in drawn]
        expected.append(bases[product] + setup.towers.product.from_queries.linear(mean(texts, weighted)))
    close(setup.encoder.products, torch.nn.functional.normalize(torch.stack(expected), dim=1).detach())


def test_products_of_a_query_count_by_age(graph):
    setup = Setup(graph, query={"products": 4, "half_life_days": 5})
    texts = setup.towers.query_texts(np.arange(20, dtype=np.int32)).detach()
    expected = []
    for query in range(20):
        drawn = latest(graph, ("product", "rev_leads_to", "query"), query, setup.view.time)[-4:]
        weighted = [(product, 0.5 ** ((setup.view.time - time) / DAY / 5)) for product, time in drawn]
        expected.append(texts[query] + setup.towers.query.from_products.linear(mean(setup.encoder.products, weighted)))
    close(setup.encoder.encode_queries(np.arange(20, dtype=np.int32)), torch.nn.functional.normalize(torch.stack(expected), dim=1).detach())


@pytest.mark.parametrize("by_action", [True, False])
def test_recent_choices_are_a_sequence_a_kind_of_action(graph, by_action):
    setup = Setup(graph, user={"sequence_length": 5, "by_action": by_action})
    products, moment = setup.encoder.products, setup.view.time
    kinds = [["click"], ["purchase"]] if by_action else [["click", "purchase"]]
    expected = torch.zeros(graph.num_nodes["user"], 16)
    for user in range(len(expected)):
        for kind, conv in zip(kinds, setup.towers.user.recent, strict=True):
            recent = by_last(choices(graph, user, moment, kind)[-5:], moment, 30, 5)
            expected[user] += conv.linear(mean(products, recent)).detach()
    close(setup.user_vectors(products), expected)


def test_the_whole_past_is_a_mean_of_brands(graph):
    setup = Setup(graph, user={"brands": True, "profile_length": 10_000}, product={"brand": True})
    table, conv = setup.towers.product.brand.weight, setup.towers.user.from_brands
    brands = graph.nodes("product")["brand"].to_list()
    names = sorted({name for name in brands if name})
    values = [names.index(name) if name else None for name in brands]
    expected = []
    for user in range(graph.num_nodes["user"]):
        chosen = [(values[product], 1.0) for product, _ in choices(graph, user, setup.view.time) if values[product] is not None]
        expected.append(conv.linear(mean(table, chosen)).detach())
    close(setup.user_vectors(setup.encoder.products), torch.stack(expected))


def test_a_place_is_one_vector_for_user_and_product(graph):
    setup = Setup(graph, shared_attributes=[{"name": "place", "user": ["region", "town"], "product": ["region", "town"]}])
    table = setup.towers.shared.values.weight.detach()
    rows = {name: row for row, name in enumerate(["north", "south", "Bo", "Fa", "Ås"])}
    assert len(table) == len(rows)
    for found, node_type in ((setup.bases() - setup.titles(), "product"), (setup.user_vectors(setup.encoder.products), "user")):
        expected = torch.zeros_like(found)
        for node, row in enumerate(graph.nodes(node_type).iter_rows(named=True)):
            for value in (row["region"], row["town"]):
                expected[node] += table[rows[value]] if value is not None else 0
        close(found, expected)


def test_a_part_that_is_off_has_no_weights(graph):
    names = {name.partition(".")[0] for name, _ in Setup(graph).towers.named_parameters()}
    assert names == {"text", "log_temperature"}


def test_one_kind_of_action_needs_one_sequence(tmp_path):
    """With by_action on or off, a shop of purchases alone has the same weights."""
    graph = build(write_tiny_shop(tmp_path / "shop", actions=("purchase",)), tmp_path / "graph")
    pair = [random_towers(graph, tiny_config(user={"by_action": by_action})) for by_action in (True, False)]
    assert [name for name, _ in pair[0].named_parameters()] == [name for name, _ in pair[1].named_parameters()]
    vectors = []
    for towers in pair:
        inputs = InputSampler(graph, towers.config)
        vectors.append(NodeEncoder(towers, inputs, graph.before(graph.manifest.test_start)).encode_users())
    assert torch.equal(vectors[0], vectors[1])
