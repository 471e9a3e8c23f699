"""A running Elasticsearch or OpenSearch loads what is written for it, as the pages say, and finds the same products.

Neither comes with this project. Start one, without a password, and name its address, such as http://localhost:9200, in the variable below.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from documentation import ROOT, pieces
from export_nearest import nearest

from gnn_search.export.documents import product_documents

ADDRESSES = {"elasticsearch": "GNN_SEARCH_ELASTICSEARCH", "opensearch": "GNN_SEARCH_OPENSEARCH"}
ZERO = "p/5 é"


class Server:
    """Talks JSON to a server."""

    def __init__(self, engine: str, address: str) -> None:
        self.engine, self.address = engine, address

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.address}/{path}", method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, None if body is None else json.dumps(body).encode()) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def remove(self) -> None:
        try:
            self.ask("DELETE", "products")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise

    def nearest(self, vector: list[float], k: int, category: str | None = None) -> list[dict[str, Any]]:
        only: dict[str, Any] = {} if category is None else {"filter": {"term": {"categories": category}}}
        if self.engine == "elasticsearch":
            search: dict[str, Any] = {"knn": {"field": "vector", "query_vector": vector, "k": k, "num_candidates": 100, **only}}
        else:
            search = {"query": {"knn": {"vector": {"vector": vector, "k": k, **only}}}}
        found: list[dict[str, Any]] = self.ask("POST", "products/_search", {"size": k, **search})["hits"]["hits"]
        return found


@pytest.fixture(params=ADDRESSES)
def server(request) -> Iterator[Server]:
    """Return a server without an index of products."""
    variable = ADDRESSES[request.param]
    if variable not in os.environ:
        pytest.skip(f"no server of {request.param} is named in the variable {variable}")
    server = Server(request.param, os.environ[variable].rstrip("/"))
    server.remove()
    yield server
    server.remove()


def load(server: Server, folder, monkeypatch) -> None:
    """Load an export by the commands of the server's page."""
    monkeypatch.chdir(folder.parent)
    page = pieces(ROOT / "docs" / "export" / f"{server.engine}.md")
    (shell,) = (piece.text for piece in page if piece.kind == "code" and piece.language == "console")
    commands = shell.replace("localhost:9200", server.address).replace("curl ", "curl --silent --show-error --fail-with-body ")
    commands = commands.replace("export/", f"{folder.name}/")
    said = subprocess.run(["bash", "-ec", commands], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert '"errors":true' not in said.stdout.replace(" ", ""), said.stdout


@pytest.mark.parametrize("shard_bytes", [64_000_000, 1500])
def test_ids_documents_and_vectors_come_back(server, awkward, shard_bytes, monkeypatch):
    load(server, awkward.export(formats=(server.engine,), shard_bytes=shard_bytes), monkeypatch)
    # Elasticsearch leaves vectors out of what it tells, from version 9.2 on.
    version = tuple(map(int, server.ask("GET", "")["version"]["number"].split(".")[:2]))
    whole = {"_source": {"exclude_vectors": False}} if server.engine == "elasticsearch" and version >= (9, 2) else {}
    hits = server.ask("POST", "products/_search", {"size": 100, "query": {"match_all": {}}, **whole})["hits"]["hits"]
    found = {hit["_id"]: hit["_source"] for hit in hits}
    documents = product_documents(awkward.model.graph)
    assert set(found) == set(documents["product_id"])
    for expected, vector in zip(documents.to_dicts(), awkward.shop.vectors["product"], strict=True):
        source = dict(found[expected["product_id"]])
        kept = source.pop("vector", [0] * 16)
        assert source == {name: value for name, value in expected.items() if value is not None}
        assert np.array_equal(np.array(kept, np.float32), vector)


def test_it_finds_the_nearest_products(server, awkward, monkeypatch):
    load(server, awkward.export(formats=(server.engine,)), monkeypatch)
    products, ids = awkward.shop.vectors["product"], awkward.model.graph.nodes("product")["product_id"].to_list()
    queries, lists = nearest(awkward, 5)
    for query, near in zip(queries, lists, strict=True):
        hits = server.nearest(query.tolist(), 5)
        assert [hit["_id"] for hit in hits] == near
        cosine = products[[ids.index(product) for product in near]] @ query
        # Elasticsearch's score of a cosine and OpenSearch's of an inner product.
        expected = (1 + cosine) / 2 if server.engine == "elasticsearch" else np.where(cosine >= 0, cosine + 1, 1 / (1 - cosine))
        assert np.abs([hit["_score"] for hit in hits] - expected).max() < 0.02
        bakery = [hit["_id"] for hit in server.nearest(query.tolist(), 12, "food > bakery")]
        assert bakery == [product for product in nearest_of_all(awkward, query) if product in BAKERY]


BAKERY = {"p/0 é", "p/1 é", "p/8 é", "p/9 é"}


def nearest_of_all(awkward, query) -> list[str]:
    ids = awkward.model.graph.nodes("product")["product_id"]
    scores = awkward.shop.vectors["product"].astype(np.float64) @ query.astype(np.float64)
    return [product for product in ids.gather(np.argsort(-scores, kind="stable")).to_list() if product != ZERO]


def test_whole_numbers_are_taken(server, awkward, monkeypatch):
    folder = awkward.export(formats=(server.engine, "parquet"), dtype="int8")
    load(server, folder, monkeypatch)
    stored = pl.read_parquet(folder / "parquet" / "query-*.parquet")
    for vector in stored["vector"].to_list():
        assert ZERO not in [hit["_id"] for hit in server.nearest(vector, 11)]


def test_words_are_searched_too(server, awkward, monkeypatch):
    load(server, awkward.export(formats=(server.engine,)), monkeypatch)
    hits = server.ask("POST", "products/_search", {"query": {"match": {"title": "plain"}}})["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ["p/8 é"]
