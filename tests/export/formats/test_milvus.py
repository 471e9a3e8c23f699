"""Milvus Lite holds the rows and finds the same products."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from export_nearest import nearest

from gnn_search.errors import RequestError
from gnn_search.export.documents import product_documents
from gnn_search.export.formats import milvus


@pytest.mark.parametrize("shard_bytes", [64_000_000, 200])
def test_load_and_search(awkward, shard_bytes, tmp_path):
    api = pytest.importorskip("pymilvus", reason="pymilvus is not installed; it is in the extra 'dev'")
    pytest.importorskip("milvus_lite", reason="milvus-lite is not installed; it is in the extra 'dev'")
    folder = awkward.export(formats=("milvus",), shard_bytes=shard_bytes) / "milvus"
    body = json.loads((folder / "collection.json").read_text())
    client = api.MilvusClient(str(tmp_path / "products.db"))
    kinds = {
        "Int64": api.DataType.INT64, "VarChar": api.DataType.VARCHAR, "Array": api.DataType.ARRAY, "FloatVector": api.DataType.FLOAT_VECTOR,
    }  # fmt: skip
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    for field in body["schema"]["fields"]:
        elements = {"element_type": kinds[field["elementDataType"]]} if "elementDataType" in field else {}
        schema.add_field(
            field["fieldName"], kinds[field["dataType"]], is_primary=field.get("isPrimary", False), nullable=field.get("nullable", False),
            **field.get("elementTypeParams", {}), **elements,
        )  # fmt: skip
    index = client.prepare_index_params()
    (one,) = body["indexParams"]
    index.add_index(one["fieldName"], index_type=one["indexType"], index_name=one["indexName"], metric_type=one["metricType"])
    client.create_collection("product", schema=schema, index_params=index)
    for file in sorted(folder.glob("product-*.parquet")):
        client.insert("product", pl.read_parquet(file).to_dicts())
    rows = client.query("product", filter="", output_fields=["*"], limit=100)
    rows.sort(key=lambda row: int(row["product_id"].split("/")[1].split()[0]))
    vectors = np.array([row.pop("vector") for row in rows], np.float32)
    assert np.array_equal(vectors, awkward.shop.vectors["product"])
    expected = product_documents(awkward.model.graph).with_columns(pl.col("categories").fill_null([])).to_dicts()
    assert [{**row, "categories": list(row["categories"])} for row in rows] == expected
    queries, lists = nearest(awkward, 5)
    for hits, near in zip(client.search("product", data=queries.tolist(), limit=6), lists, strict=True):
        assert [hit["product_id"] for hit in hits if hit["product_id"] != "p/5 é"][:5] == near
    client.close()


def test_a_text_that_is_too_long(awkward, monkeypatch):
    monkeypatch.setattr(milvus, "_MOST_BYTES", 20)
    with pytest.raises(RequestError, match="the products' title has a value of 25 bytes, Milvus takes at most 20; shorten it"):
        awkward.export(formats=("milvus",))
