"""What Vespa is given keeps the rules of its document format and of its application packages. Vespa itself does not run here."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from models import write_model

from gnn_search.errors import RequestError
from gnn_search.export.documents import product_documents
from gnn_search.export.settings import ExportSettings
from gnn_search.export.write import export_model
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

EVENTS = [(f"u{n % 3}", "bread", "b", n, "purchase", f"s{n}", "x") for n in range(28)]


def read_feed(folder):
    text = "".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("product-*.jsonl")))
    assert text.endswith("\n")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


def test_each_line_puts_a_document(everything, awkward):
    feed = read_feed(everything / "vespa")
    expected = product_documents(awkward.model.graph).to_dicts()
    assert len(feed) == len(expected)
    for put, document in zip(feed, expected, strict=True):
        assert put.keys() == {"put", "fields"}
        scheme, space, kind, rest, product = put["put"].split(":", 4)
        assert (scheme, space, kind, rest, product) == ("id", "small", "product", "", document["product_id"])
        vector = put["fields"].pop("vector", None)
        assert put["fields"] == {name: value for name, value in document.items() if value is not None}
        assert vector is None if product == "p/5 é" else len(vector) == 16


def test_vectors_are_the_same_to_the_last_bit(everything, awkward):
    vectors = np.array([put["fields"].get("vector", [0] * 16) for put in read_feed(everything / "vespa")], np.float32)
    assert np.array_equal(vectors, awkward.shop.vectors["product"])


def test_no_text_holds_a_character_that_vespa_refuses(everything):
    for put in read_feed(everything / "vespa"):
        for value in (put["put"], put["fields"]["title"]):
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufdd0-\ufdef\ufffe\uffff\U0010fffe\U0010ffff]", value)


@pytest.mark.parametrize("product", [".", ".."])
def test_an_id_that_no_document_can_have(make_graph, tmp_path, product):
    graph = make_graph([(product, "bread", None, None), ("b", "tea", None, None)], EVENTS)
    model = open_model(write_model(graph, tmp_path / "model"))
    with pytest.raises(RequestError, match=f"Vespa has no documents with the id '{re.escape(product)}'"):
        export_model(model, open_node_embeddings(model), tmp_path / "out", ExportSettings(formats=("vespa",)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("dtype", "cell"), [("float32", "float"), ("int8", "int8")])
def test_the_schema_has_every_field(awkward, dtype, cell):
    folder = awkward.export(formats=("vespa",), dtype=dtype) / "vespa"
    schema = (folder / "application" / "schemas" / "product.sd").read_text(encoding="utf-8")
    assert schema.count("{") == schema.count("}")
    fields = dict(re.findall(r"field (\w+) type (\S+) \{", schema))
    assert fields == {
        "product_id": "string", "title": "string", "brand": "string", "category_path": "string", "categories": "array<string>",
        "vector": f"tensor<{cell}>(x[16])",
    }  # fmt: skip
    assert {name for put in read_feed(folder) for name in put["fields"]} == set(fields)
    assert f"query(request) {fields['vector']}" in schema
    assert "schema product {" in schema
    assert "rank-profile vector_and_words inherits vector {" in schema
    assert "document product {" in schema


def test_services_name_the_document(everything):
    services = ElementTree.parse(everything / "vespa" / "application" / "services.xml").getroot()
    assert [document.get("type") for document in services.iter("document")] == ["product"]
    assert services.find("container/document-api") is not None
    assert services.find("container/search") is not None
