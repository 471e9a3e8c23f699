"""What Elasticsearch and OpenSearch are given keeps the rules of their bulk API and of their mappings.

No server is needed here; test_search_servers.py asks running ones. Elasticsearch's own client writes the same bulk body, where it is
installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gnn_search.export.documents import product_documents

ENGINES = ("elasticsearch", "opensearch")
ZERO = "p/5 é"


def read_bulk(folder: Path) -> list[tuple[dict, dict]]:
    found = []
    for file in sorted(folder.glob("product-*.ndjson")):
        text = file.read_text(encoding="utf-8")
        assert text.endswith("\n")
        lines = text.removesuffix("\n").split("\n")
        assert len(lines) % 2 == 0
        found += [(json.loads(action), json.loads(source)) for action, source in zip(lines[::2], lines[1::2], strict=True)]
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_actions_and_documents_take_turns(everything, awkward, engine):
    bulk = read_bulk(everything / engine)
    documents = product_documents(awkward.model.graph)
    assert [action for action, _ in bulk] == [{"index": {"_id": product}} for product in documents["product_id"]]
    for (_, source), expected in zip(bulk, documents.to_dicts(), strict=True):
        vector = source.pop("vector", None)
        assert source == {name: value for name, value in expected.items() if value is not None}
        assert (vector is None) == (source["product_id"] == ZERO)
    assert bulk[1][1].keys() == {"product_id", "title", "category_path", "categories"}
    assert bulk[2][1]["brand"] == ""


@pytest.mark.parametrize("engine", ENGINES)
def test_vectors_are_the_same_to_the_last_bit(everything, awkward, engine):
    vectors = np.array([source.get("vector", [0] * 16) for _, source in read_bulk(everything / engine)], np.float32)
    assert np.array_equal(vectors, awkward.shop.vectors["product"])


@pytest.mark.parametrize("engine", ENGINES)
def test_whole_numbers(awkward, engine):
    folder = awkward.export(formats=(engine,), dtype="int8") / engine
    vectors = [source.get("vector", [0] * 16) for _, source in read_bulk(folder)]
    assert all(type(number) is int and -128 <= number <= 127 for vector in vectors for number in vector)
    field = json.loads((folder / "index.json").read_text())["mappings"]["properties"]["vector"]
    assert field["element_type" if engine == "elasticsearch" else "data_type"] == "byte"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_mapping_has_every_field_and_no_other(everything, engine):
    mappings = json.loads((everything / engine / "index.json").read_text())["mappings"]
    assert mappings["dynamic"] == "strict"
    assert set(mappings["properties"]) == {name for _, source in read_bulk(everything / engine) for name in source}


def test_fields_of_vectors(everything):
    bodies = {engine: json.loads((everything / engine / "index.json").read_text()) for engine in ENGINES}
    assert bodies["elasticsearch"]["mappings"]["properties"]["vector"] == {
        "type": "dense_vector", "dims": 16, "element_type": "float", "index": True, "similarity": "dot_product",
    }  # fmt: skip
    assert bodies["opensearch"]["settings"] == {"index": {"knn": True}}
    assert bodies["opensearch"]["mappings"]["properties"]["vector"] == {
        "type": "knn_vector", "dimension": 16, "data_type": "float",
        "method": {"name": "hnsw", "engine": "faiss", "space_type": "innerproduct"},
    }  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_files_are_no_larger_than_asked(awkward, engine):
    folder = awkward.export(formats=(engine,), shard_bytes=1500) / engine
    sizes = [file.stat().st_size for file in folder.glob("product-*.ndjson")]
    assert len(sizes) > 2
    assert max(sizes) <= 1500
    assert len(read_bulk(folder)) == 12


def test_as_elasticsearchs_own_client_would_send_it(everything):
    helpers = pytest.importorskip("elasticsearch.helpers", reason="elasticsearch is not installed; it is in the extra 'dev'")
    client = pytest.importorskip("elasticsearch").Elasticsearch("http://localhost:9200")
    serializer = client.transport.serializers.get_serializer("application/json")
    bulk = read_bulk(everything / "elasticsearch")
    sent = [helpers.expand_action({"_id": source["product_id"], **source}) for _, source in bulk]
    assert bulk == [(serializer.loads(serializer.dumps(action)), source) for action, source in sent]
