"""An index from which products were removed, and to which others were added, serves the vector channel."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from gnn_search.cli.main import main
from gnn_search.errors import RequestError
from gnn_search.index.store import open_index, read_index_manifest, save_index
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

GONE, NEW = ["P003", "P017"], ["N1", "N2"]


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def change(model, folder, kind):
    """Make an index without two of the graph's products, and with two twins of another."""
    nlist = ["--nlist", 4, "--nprobe", 4] if kind.startswith("ivf") else []
    assert run("index", model, "--kind", kind, *nlist, "--out", folder).exit_code == 0
    index = open_index(folder)
    index.remove(pl.Series(GONE))
    index.add(pl.Series(NEW), np.repeat(open_node_embeddings(open_model(model)).vectors["product"][5:6], 2, axis=0))
    save_index(index, folder, replace=True)
    return folder


@pytest.fixture(scope="module", params=["flat", "ivf_flat", "ivf_pq", "hnsw"])
def changed(request, tiny_model, tmp_path_factory):
    return change(tiny_model, tmp_path_factory.mktemp("changed") / request.param, request.param)


def test_where_its_vectors_come_from_is_kept(changed, tiny_model):
    manifest, model = read_index_manifest(changed), json.loads((tiny_model / "model.json").read_text())
    assert (manifest.model_hash, manifest.graph_hash) == (model["hash"], model["graph_hash"])
    assert manifest.as_of is not None
    assert (manifest.count, manifest.rows, manifest.measured) == (40, 42, None)


def test_lists_are_the_models_own_but_for_what_was_changed(changed, tiny_model):
    plain, found = (Retriever.load(tiny_model, channel="vector", index=index) for index in (None, changed))
    for text in ("bread 0", "red tea", "never asked"):
        own = [hit.product_id for hit in plain.search(text, user_id=3, k=40)]
        wanted = []
        for product in own:
            wanted += [] if product in GONE else [product, *NEW] if product == "P005" else [product]
        hits = found.search(text, user_id=3, k=40)
        assert [hit.product_id for hit in hits] == wanted
        twin = next(hit for hit in hits if hit.product_id == "N1")
        assert (twin.title, twin.category) == ("", "")
        assert twin.score == next(hit.score for hit in hits if hit.product_id == "P005")


def test_search_and_retrieve_list_new_products(changed, tiny_model, tmp_path):
    title = open_model(tiny_model).graph.nodes("product")["title"][5]
    result = run("search", tiny_model, title, "--channel", "vector", "--index", changed, "-k", 40, "--json")
    assert result.exit_code == 0, result.output
    listed = [hit["product_id"] for hit in json.loads(result.stdout)["hits"]]
    assert set(NEW) < set(listed)
    pl.DataFrame({"query": [title]}).write_parquet(tmp_path / "requests.parquet")
    files = ("--input", tmp_path / "requests.parquet", "--out", tmp_path / "out.parquet")
    result = run("retrieve", tiny_model, *files, "--channel", "vector", "--index", changed, "-k", 40)
    assert result.exit_code == 0, result.output
    assert pl.read_parquet(tmp_path / "out.parquet")["product_id"].to_list() == listed


def test_a_least_score_and_a_filter_hold_for_them(changed, tiny_model):
    retriever = Retriever.load(tiny_model, channel="vector", index=changed)
    hits = retriever.search("bread 0", k=40)
    # Between two scores that differ: what an approximate index tells of them may be off by the last digit.
    place = next(place for place in range(20, 39) if hits[place].score - hits[place + 1].score > 1e-4)
    least = (hits[place].score + hits[place + 1].score) / 2
    kept = [hit.product_id for hit in retriever.search("bread 0", k=40, min_score=least)]
    assert kept == [hit.product_id for hit in hits if hit.score >= least]
    assert [hit.product_id for hit in retriever.search("bread 0", k=40, filter=["P005", *GONE])] == ["P005"]


@pytest.mark.parametrize("channel", ["reranked", "graph", "lexical", "rrf"])
def test_other_channels_do_not_know_of_them(tiny_model, tmp_path, channel):
    with pytest.raises(RequestError, match="products were added to the index or removed from it, of which the channel"):
        Retriever.load(tiny_model, channel=channel, index=change(tiny_model, tmp_path / "flat", "flat"))


def test_a_channel_that_is_none(tiny_model):
    with pytest.raises(RequestError, match="there is no channel 'vectors'; take one of reranked, vector, graph"):
        Retriever.load(tiny_model, channel="vectors")
