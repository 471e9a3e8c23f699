"""Qdrant, in its local mode, holds the points and finds the same products."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from export_nearest import nearest
from models import write_model
from shops import build, write_tiny_shop

from gnn_search.export.documents import product_documents
from gnn_search.export.settings import ExportSettings
from gnn_search.export.write import export_model
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


def load(folder):
    api = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed; it is in the extra 'dev'")
    client = api.QdrantClient(":memory:")
    settings = json.loads((folder / "collection.json").read_text())
    client.create_collection("product", vectors_config=api.models.VectorParams(**settings["vectors"]))
    for file in sorted(folder.glob("product-*.parquet")):
        rows = pl.read_parquet(file)
        points = api.models.Batch(
            ids=rows["point_id"].to_list(), vectors=rows["vector"].to_list(), payloads=rows.drop("point_id", "vector").to_dicts()
        )
        client.upsert("product", points)
    return client


@pytest.mark.parametrize(("dtype", "shard_bytes"), [("float32", 64_000_000), ("float32", 200), ("float16", 64_000_000)])
def test_load_and_search(awkward, dtype, shard_bytes):
    folder = awkward.export(formats=("qdrant",), dtype=dtype, shard_bytes=shard_bytes) / "qdrant"
    client = load(folder)
    assert client.get_collection("product").config.params.vectors.size == 16
    points = sorted(client.scroll("product", limit=100, with_vectors=True)[0], key=lambda point: point.id)
    assert [point.id for point in points] == list(range(12))
    assert [point.payload for point in points] == product_documents(awkward.model.graph).to_dicts()
    vectors = np.array([point.vector for point in points], np.float32)
    assert np.abs(vectors - awkward.shop.vectors["product"]).max() <= (0 if dtype == "float32" else 2**-11)
    queries, lists = nearest(awkward, 5)
    for query, near in zip(queries, lists, strict=True):
        found = [point.payload["product_id"] for point in client.query_points("product", query=query, limit=6).points]
        # The product whose vector is zero is a point, too.
        assert [product for product in found if product != "p/5 é"][:5] == near


def test_numbers_from_0_are_the_points_ids(tmp_path):
    recipe = write_tiny_shop(tmp_path / "shop")
    for table in ("products", "events"):
        file = recipe.parent / f"{table}.parquet"
        pl.read_parquet(file).with_columns(pl.col("product_id").str.slice(1).cast(pl.Int64) + 1000).write_parquet(file)
    graph = build(recipe, tmp_path / "graph")
    model = open_model(write_model(graph, tmp_path / "model"))
    export_model(model, open_node_embeddings(model), tmp_path / "out", ExportSettings(formats=("qdrant", "pgvector", "vespa", "milvus")))
    points = pl.read_parquet(tmp_path / "out" / "qdrant" / "product-00000.parquet")
    assert points["point_id"].to_list() == points["product_id"].to_list() == [*range(1000, 1040)]
    assert points.schema["point_id"] == pl.UInt64
    assert "product_id bigint PRIMARY KEY" in (tmp_path / "out" / "pgvector" / "schema.sql").read_text()
    assert "field product_id type long {" in (tmp_path / "out" / "vespa" / "application" / "schemas" / "product.sd").read_text()
    body = json.loads((tmp_path / "out" / "milvus" / "collection.json").read_text())
    assert body["schema"]["fields"][0] == {"fieldName": "product_id", "isPrimary": True, "dataType": "Int64"}
