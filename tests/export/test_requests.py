"""The vectors of requests are those with which the retrieval searches."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import RequestError, TableError
from gnn_search.export import requests as requests_module
from gnn_search.export.reader import open_export
from gnn_search.retrieval.request_encoder import RequestEncoder


@pytest.fixture
def file(tmp_path):
    users, queries = ["u0", "u1", "u2", None, "nobody"], ["bread", "TEA", "crème 東京", "never asked"]
    rows = [(user, query) for query in queries for user in users] * 2
    pl.DataFrame(rows, schema=["user_id", "query"], orient="row").write_parquet(tmp_path / "requests.parquet")
    return tmp_path / "requests.parquet"


@pytest.mark.parametrize("block", [3, 8192])
def test_as_the_retrieval_encodes_them(awkward, file, block, monkeypatch):
    monkeypatch.setattr(requests_module, "_BLOCK", block)
    export = open_export(awkward.export(requests=file, formats=("parquet", "npy"), nodes=("product",)))
    given = pl.read_parquet(file)
    assert export.manifest.keys["request"] == ("user_id", "query")
    assert export.manifest.counts == {"product": 12, "request": 40}
    users = {"u0": 0, "u1": 1, "u2": 2}
    ids = awkward.model.graph.nodes("user").to_series(0).to_list()
    nodes = np.array([ids.index(user) if user in users else -1 for user in given["user_id"]], np.int32)
    expected = RequestEncoder(awkward.model, awkward.shop).encode(nodes, given["query"].str.to_lowercase()).vector.numpy()
    for form in ("parquet", "npy"):
        keys, vectors = export.read("request", form)
        assert keys.equals(given)
        assert np.allclose(vectors, expected, atol=1e-6)
    assert not np.allclose(expected[0], expected[3])
    assert not (export.path / "requests.npy").exists()


def test_some_format_has_to_hold_them(awkward, file):
    with pytest.raises(RequestError, match="no format holds the vectors of requests; add one of parquet, npy, safetensors"):
        awkward.export(requests=file, formats=("vespa", "faiss"))


def test_a_file_that_is_not_there(awkward, tmp_path):
    with pytest.raises(TableError, match="there is no file"):
        awkward.export(requests=tmp_path / "none.parquet")
