"""The public names: each is there, `dir` lists them, and importing the package alone loads nothing heavy."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from datetime import datetime

import numpy as np
import pytest

import gnn_search
from gnn_search import errors

HEAVY = ("torch", "polars", "faiss", "numpy", "pydantic", "click")


@pytest.mark.parametrize("name", gnn_search.__all__)
def test_every_name_leads_to_its_definition(name):
    assert getattr(gnn_search, name) is not None


def test_dir_lists_the_public_names_and_no_others():
    assert dir(gnn_search) == sorted(gnn_search.__all__)
    with pytest.raises(AttributeError, match="'gnn_search' has no attribute 'nothing'"):
        gnn_search.nothing  # noqa: B018


def test_every_error_is_public():
    own = {name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__}
    assert own == {name for name in gnn_search.__all__ if name.endswith("Error")}


def test_every_function_takes_names_and_texts(tiny_shop, tiny_model, tmp_path):
    data, graph, model = str(tiny_shop.parent), str(tmp_path / "graph"), str(tmp_path / "model")
    assert gnn_search.build_graph(str(tiny_shop), data, graph).path == tmp_path / "graph"
    assert gnn_search.inspect_graph(graph).num_nodes["product"] == 40
    assert gnn_search.inspect_graph(graph, user=3).user_id == 3
    with pytest.raises(errors.RequestError, match="give one of user, query and product, not several"):
        gnn_search.inspect_graph(graph, user=3, query="tea")
    config = tmp_path / "config.yaml"
    config.write_text((tiny_model / "config.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert gnn_search.train(str(config), graph, model)["model"] == model
    evaluation = gnn_search.evaluate(model, 20, n_resamples=10, baselines="popularity", out=str(tmp_path / "run"))
    assert (evaluation.cases, evaluation.methods[-1]) == (20, "popularity")
    opened = gnn_search.open_model(model, graph)
    assert repr(opened) == f"<Model {opened.config.name!r} in {model}, on 'tiny'>"
    assert gnn_search.evaluate(opened, 20, n_resamples=10, baselines="popularity").scores == evaluation.scores
    requests = tmp_path / "requests.csv"
    requests.write_text("query,user_id\ntea 1,3\n", encoding="utf-8")
    summaries = [gnn_search.retrieve(one, str(requests), str(tmp_path / f"{place}.csv"), 5) for place, one in enumerate((model, opened))]
    assert [(one.rows, one.as_of, one.notes) for one in summaries] == [(5, datetime(2024, 2, 22), ())] * 2
    retriever = gnn_search.Retriever.load(model, graph)
    assert json.loads(json.dumps(retriever.search("tea 1", user_id=np.int64(9), k=1).to_json()))["user_id"] == 9
    assert repr(retriever.search_many([{"query": "tea 1"}] * 2, k=3)) == "<SearchResults: 2 requests, up to 3 products each>"


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, gnn_search; print([name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
