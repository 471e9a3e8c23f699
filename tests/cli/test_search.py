"""`gnn-search search` end to end, and how it and every command that opens a model fails on a folder that is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from click.testing import CliRunner
from models import write_model
from shops import build, write_tiny_shop

from gnn_search.cli.main import main
from gnn_search.config.training import LossSettings
from gnn_search.layout import read_json, write_json


def run(*arguments: object):
    return CliRunner().invoke(main, ["search", *map(str, arguments)])


def test_plain(tiny_model):
    result = run(tiny_model, "Bread 0", "-k", 3)
    assert result.exit_code == 0, result.output
    head, columns, *rows = result.stdout.splitlines()
    assert head == "'bread 0' without a user, as of 2024-02-22 00:00 UTC"
    assert columns.split() == ["rank", "product", "title", "category", "score"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert " > " in result.stdout
    assert result.stderr == ""


def test_for_a_user(tiny_model):
    result = run(tiny_model, "Bread 0", "--user", 3, "-k", 40)
    assert result.exit_code == 0, result.output
    assert "'bread 0' for user 3, as of 2024-02-22 00:00 UTC" in result.stdout
    assert "interacted with before" in result.stdout
    assert "1 time, last 2024-02-03" in result.stdout
    assert "What user 3 interacted with before in these categories" in result.stdout


def test_a_user_who_bought_nothing_in_these_categories(tiny_model):
    # What a new query is nearest to hangs on the weights, which mean nothing here; some user interacted with nothing near some query.
    for query, user in product(("home 0", "garten & möbel 0", "drinks 0", "dairy 1"), range(1, 16)):
        result = run(tiny_model, query, "--user", user, "-k", 1, "--channel", "vector")
        if f"User {user} interacted with nothing in these categories before." in result.stdout:
            return
    pytest.fail("every user interacted with something in every category")


def test_each_channel(tiny_model):
    found = {
        channel: json.loads(run(tiny_model, "bread 0", "--user", 3, "-k", 40, "--channel", channel, "--json").stdout)
        for channel in ("reranked", "vector", "graph")
    }
    hits = {channel: answer["hits"] for channel, answer in found.items()}
    assert json.loads(run(tiny_model, "bread 0", "--user", 3, "-k", 40, "--json").stdout)["hits"] == hits["reranked"]
    assert [len(hits["reranked"]), len(hits["vector"])] == [40, 40]
    assert 0 < len(hits["graph"]) < 40
    # What the user interacted with in these categories is among the candidates.
    assert any(past["times"] for past in found["graph"]["past"]["hits"] if past is not None)
    assert all(abs(hit["score"]) <= 1.00001 for hit in hits["vector"])
    bad = run(tiny_model, "bread 0", "--channel", "words")
    assert bad.exit_code == 2
    assert "'words' is not one of 'reranked', 'vector', 'graph', 'lexical', 'fused', 'rrf'" in bad.stderr


def test_the_graph_channel_of_a_model_without_a_reranker(tiny_graph, tmp_path):
    model = write_model(tiny_graph, tmp_path / "model", reranker=False)
    result = run(model, "bread 0", "--channel", "graph")
    assert result.exit_code == 2
    assert result.stderr == f"Error: the model {model} has no reranker; train it with reranker.enabled, or use another channel\n"
    assert run(model, "bread 0").stdout == run(model, "bread 0", "--channel", "vector").stdout != ""


def test_products_that_score_too_little_are_left_out(tiny_model):
    whole = json.loads(run(tiny_model, "bread 0", "--user", 3, "-k", 40, "--channel", "vector", "--json").stdout)
    least = whole["hits"][4]["score"]
    found = json.loads(run(tiny_model, "bread 0", "--user", 3, "-k", 40, "--channel", "vector", "--min-score", least, "--json").stdout)
    assert found["hits"] == whole["hits"][:5]
    nothing = run(tiny_model, "bread 0", "--user", 3, "--min-score", 2)
    assert nothing.exit_code == 0, nothing.output
    assert "no product was found" in nothing.stdout


def test_an_action_stands_for_its_threshold(tiny_graph, tmp_path):
    loss = LossSettings(kind="hinge", thresholds={"purchase": -0.99, "click": 0.99})
    model = write_model(tiny_graph, tmp_path / "model", loss=loss)
    assert len(json.loads(run(model, "bread 0", "--min-score", "purchase", "--json").stdout)["hits"]) == 10
    assert json.loads(run(model, "bread 0", "--min-score", "click", "--json").stdout)["hits"] == []
    refused(run(model, "bread 0", "--min-score", "cart"), "is neither a number nor an action; give a number such as 0.5, or one of")


def test_json_holds_the_same(tiny_model):
    found = json.loads(run(tiny_model, "Bread 0", "--user", 3, "-k", 5, "--json").stdout)
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4, 5]
    assert found["user_known"] is True
    assert set(found["hits"][0]) == {"rank", "product_id", "title", "category", "score"}
    assert set(found["past"]) == {"hits", "products", "num_products"}
    pairs = zip(found["hits"], found["past"]["hits"], strict=True)
    assert all(past is None or past["product_id"] == hit["product_id"] for hit, past in pairs)


def test_an_unknown_user_gets_the_plain_result_and_a_sentence(tiny_model):
    plain, result = run(tiny_model, "tea 0"), run(tiny_model, "tea 0", "--user", "nobody")
    assert result.exit_code == 0
    assert result.stdout == plain.stdout
    assert result.stderr.startswith("Note: there is no user 'nobody' in the graph")


def test_an_empty_user_is_refused(tiny_model):
    refused(run(tiny_model, "tea", "--user", " "), "the user's id is empty; give --user the shop's id of a user, or leave it out")


def test_ids_and_one_product_are_written_as_the_graph_and_a_reader_would(tiny_model):
    assert json.loads(run(tiny_model, "tea", "--user", "9", "--json").stdout)["user_id"] == 9
    assert "with 1 product of the given history" in run(tiny_model, "tea", "--history", "P000").stdout


def test_an_unknown_query(tiny_model):
    result = run(tiny_model, "zebra bread")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:2] == ["no such query in the log"]
    assert result.stdout.splitlines()[2].startswith("nothing matches well (a chance of ")
    assert "no such query in the log; read as: bread 0, bread 1, bread 2" in run(tiny_model, "breads 0").stdout


def test_titles_are_no_markup(tiny_model):
    assert "'[red] :smile:'" in run(tiny_model, "[red] :smile:").stdout


def test_neither_pandas_nor_pyg_is_loaded(tiny_model):
    code = (
        "import sys; from click.testing import CliRunner; from gnn_search.cli.main import main;"
        f"assert CliRunner().invoke(main, ['search', {str(tiny_model)!r}, 'bread 0']).exit_code == 0; print('loaded:', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Each would take longer than the search itself, and what a known query's words match is kept.
    assert not {"pandas", "torch_geometric", "bm25s", "sklearn"} & set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tea", "-k", 41], "k is 41, larger than the catalogue of 40 products; give at most 40"),
        ([" "], "the query ' ' is blank; give at least one word"),
        (["tea", "--as-of", "soon"], "the time 'soon' is no ISO 8601 date or time"),
        (["tea", "--graph", "nowhere"], "there is no graph folder nowhere"),
    ],
)
def test_requests_that_cannot_be_answered(tiny_model, arguments, message):
    refused(run(tiny_model, *arguments), message)


def refused(result, message: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def half_trained(model):
    (model / "model.json").unlink()
    (model / "metrics.jsonl").touch()


def change(path, **entries: object):
    write_json(path, {**read_json(path, "it"), **entries})


DAMAGES = {
    "no folder": (lambda model: shutil.rmtree(model), "there is no model folder"),
    "no manifest": (lambda model: (model / "model.json").unlink(), "is not a model folder: model.json is missing"),
    "half trained": (half_trained, "has not ended; go on with 'gnn-search train --resume'"),
    "no JSON": (lambda model: (model / "model.json").write_text("{"), "model.json is damaged"),
    "other version": (lambda model: change(model / "model.json", format_version=99), "is of format version 99, this program reads 3"),
    "unknown entry": (lambda model: change(model / "model.json", extra=1), "model.json is damaged"),
    "no weights": (lambda model: (model / "weights.safetensors").unlink(), "weights.safetensors is missing"),
    "cut weights": (lambda model: cut(model / "weights.safetensors"), "its files differ from those that were written"),
    "other tokenizer": (lambda model: (model / "tokenizer.json").write_text("{}"), "its files differ from those that were written"),
    "moved graph": (lambda model: change(model / "model.json", graph="nowhere"), "is no longer in nowhere; say where it is with --graph"),
    "vectors cut": (lambda model: cut(model / "node_embeddings" / "product.npy"), "product.npy is damaged"),
    "vectors missing": (lambda model: (model / "node_embeddings" / "user.npy").unlink(), "user.npy is damaged"),
    "vectors of another size": (
        lambda model: np.save(model / "node_embeddings" / "query.npy", np.zeros((3, 16), np.float32)),
        "expected float32",
    ),
    "vectors without manifest": (lambda model: (model / "node_embeddings" / "vectors.json").unlink(), "vectors.json is missing"),
    "vectors of another model": (
        lambda model: change(model / "node_embeddings" / "vectors.json", model_hash="0"),
        "were made by another model",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model(fresh_model, damage):
    action, message = DAMAGES[damage]
    action(fresh_model)
    refused(run(fresh_model, "tea"), message)


def test_another_graph(tiny_model, tmp_path):
    other = build(write_tiny_shop(tmp_path / "shop", seed=1), tmp_path / "graph")
    refused(run(tiny_model, "tea", "--graph", other.path), "was trained on another graph than")
    assert run(write_model(other, tmp_path / "model"), "tea").exit_code == 0


def test_a_damaged_graph(tiny_model, fresh_graph):
    cut(fresh_graph / "nodes" / "product.parquet")
    refused(run(tiny_model, "tea", "--graph", fresh_graph), "is damaged: nodes/product.parquet has")


def test_a_history_from_outside(tiny_model):
    result = run(tiny_model, "bread 0", "--history", "P000, P008,gone,P000", "-k", 40)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("'bread 0' for this user with 3 products of the given history, as of 2024-02-22 00:00 UTC\n")
    assert "2 times" in result.stdout
    assert "last" not in result.stdout
    assert "What this user interacted with before in these categories, 2 products:" in result.stdout
    assert result.stderr == "Note: 1 of 4 events of the history are of products that are not in the graph\n"
    found = json.loads(run(tiny_model, "bread 0", "--user", 3, "--history", "P000", "--json").stdout)
    assert (found["user_id"], found["user_known"], found["history_events"]) == (3, True, 1)
    plain = run(tiny_model, "bread 0", "--history", ",")
    assert plain.stdout == run(tiny_model, "bread 0").stdout
