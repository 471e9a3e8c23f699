"""Where weights of others lie, static models that others trained, and the map to another dimension."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import functional

import gnn_search
from gnn_search.config.training import StaticFiles
from gnn_search.errors import ConfigError
from gnn_search.model.aggregation import Ragged
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.pretrained import hash_folder, locate, principal_projection, read_static_model
from gnn_search.model.tokens import TokenCutter
from gnn_search.vectors.text_model import write_static_model


def test_a_path_or_a_path_inside_a_package(tmp_path):
    assert locate(str(tmp_path), "text.start") == tmp_path
    root = Path(gnn_search.__file__).parent
    assert locate("gnn_search:model", "text.start") == root / "model"
    assert locate("gnn_search:model/tokens.py", "text.start") == root / "model" / "tokens.py"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no/where", "text.start names no/where, which does not exist; give a path, or package:path inside an installed package"),
        ("not a package:folder", "which does not exist; give a path"),
        ("no_such_package_here:model", "no Python package no_such_package_here is installed; run: pip install no_such_package_here"),
        ("gnn_search:nothing", "but the package gnn_search in .* holds no nothing"),
    ],
)
def test_what_is_not_there_is_named(reference, message):
    with pytest.raises(ConfigError, match=message):
        locate(reference, "text.start")
    with pytest.raises(ConfigError, match=rf"text\.transformer names {reference}"):
        locate(reference, "text.transformer")


def test_a_missing_file_is_named_by_its_own_setting(tmp_path):
    with pytest.raises(ConfigError, match=r"text\.start\.table names no/where"):
        read_static_model(StaticFiles(tokenizer=str(tmp_path), table="no/where"), 16)


def test_a_folders_hash_is_that_of_its_weights_and_settings(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    before = hash_folder(tmp_path)
    (tmp_path / "README.md").write_text("about")
    assert hash_folder(tmp_path) == before
    (tmp_path / "part" / "model.safetensors").write_bytes(b"other weights")
    assert hash_folder(tmp_path) != before


def test_the_principal_directions_are_kept():
    torch.manual_seed(0)
    plane = torch.randn(200, 2) @ torch.tensor([[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]])
    vectors = plane + 0.01 * torch.randn(200, 4)
    projected = vectors @ principal_projection(vectors, 2).T
    assert projected.square().sum(dim=1).mean().item() == pytest.approx(1, abs=1e-4)
    expected = torch.nn.functional.normalize(vectors, dim=1)
    found = torch.nn.functional.normalize(projected, dim=1)
    torch.testing.assert_close(found @ found.T, expected @ expected.T, rtol=0, atol=0.1)


def test_more_dimensions_keep_all_angles():
    torch.manual_seed(0)
    vectors = torch.randn(50, 3)
    projection = principal_projection(vectors, 5)
    assert projection.shape == (5, 3)
    cosine = torch.nn.functional.cosine_similarity
    before, after = vectors, vectors @ projection.T
    torch.testing.assert_close(cosine(after[:-1], after[1:], dim=1), cosine(before[:-1], before[1:], dim=1), rtol=0, atol=1e-5)


WORDS = ["[UNK]", "red", "tea", "bread", "milk", "white", "jam", "oat"]
WIDTH = 6


def word_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding(length=12)
    return tokenizer


@pytest.fixture
def table() -> torch.Tensor:
    return torch.randn((len(WORDS), WIDTH), generator=torch.Generator().manual_seed(0))


def write(folder, tensors, place=""):
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / place / "tokenizer.json").write_text(word_tokenizer().to_str())
    save_file(tensors, folder / place / "model.safetensors")
    return str(folder)


def cosines(tokenizer: Tokenizer, table: torch.Tensor, texts: list[str]) -> torch.Tensor:
    lists = TokenCutter(tokenizer)(texts)
    vectors = functional.normalize(Ragged.of(lists.indptr, lists.token).sum(table), dim=1)
    return vectors @ vectors.T


TEXTS = ["red tea", "white bread milk", "Oat JAM", "jam unheard of", "milk"]


@pytest.mark.parametrize(("name", "place"), [("embeddings", ""), ("embedding.weight", ""), ("embedding.weight", "0_StaticEmbedding")])
def test_all_angles_are_kept(tmp_path, table, name, place):
    tokenizer, found = read_static_model(write(tmp_path, {name: table}, place), 16)
    assert found.shape == (len(WORDS), WIDTH)
    assert found.square().sum(dim=1).mean().item() == pytest.approx(1, abs=1e-5)
    plain = word_tokenizer()
    plain.no_padding()
    torch.testing.assert_close(cosines(tokenizer, found, TEXTS), cosines(plain, table, [text.lower() for text in TEXTS]), rtol=0, atol=1e-5)


def test_half_precision_mapping_and_weights(tmp_path, table):
    mapping = torch.tensor([0, 1, 1, 2, 3, 4, 4, 5])
    weights = torch.linspace(0.5, 2, len(WORDS))
    start = write(tmp_path, {"embeddings": table[:WIDTH].half(), "mapping": mapping, "weights": weights})
    tokenizer, found = read_static_model(start, 16)
    expected = table[:WIDTH].half().float()[mapping] * weights[:, None]
    torch.testing.assert_close(cosines(tokenizer, found, TEXTS), cosines(tokenizer, expected, TEXTS), rtol=0, atol=1e-5)


def test_two_files(tmp_path, table):
    write(tmp_path, {"embeddings": table})
    files = StaticFiles(tokenizer=str(tmp_path / "tokenizer.json"), table=str(tmp_path / "model.safetensors"))
    assert torch.equal(read_static_model(files, 16)[1], read_static_model(str(tmp_path), 16)[1])


def test_texts_are_lowered_cut_and_not_padded(tmp_path, table):
    tokenizer, _ = read_static_model(write(tmp_path, {"embeddings": table}), 3)
    # Three tokens count, and nine characters: three times the median length of a token.
    assert TokenCutter(tokenizer)(["RED Tea", "tea " * 9, "a b c tea", "nothing"]).indptr.tolist() == [0, 2, 4, 4, 4]


def test_the_model2vec_package_gives_the_towers_vectors(tmp_path, table, tiny_graph):
    model2vec = pytest.importorskip("model2vec")
    tokenizer, start = read_static_model(write(tmp_path / "start", {"embeddings": table}), 16)
    tower = BagTower(tiny_graph, 4, tokenizer, None, start)
    assert torch.equal(tower.tokens, start)
    with torch.no_grad():
        tower.importance.normal_()
        tower.projection.weight.add_(torch.randn(4, WIDTH))
        ours = functional.normalize(tower(TEXTS), dim=1).numpy()
    write_static_model(tmp_path / "out", tokenizer, tower.folded())
    static = model2vec.StaticModel.from_pretrained(tmp_path / "out")
    assert np.allclose(static.encode(TEXTS), ours, atol=1e-5)


def test_a_folder_that_model2vec_wrote(tmp_path, table, tiny_graph):
    model2vec = pytest.importorskip("model2vec")
    theirs = model2vec.StaticModel(table.numpy(), word_tokenizer(), normalize=True)
    theirs.save_pretrained(tmp_path / "start")
    tokenizer, start = read_static_model(str(tmp_path / "start"), 16)
    tower = BagTower(tiny_graph, WIDTH, tokenizer, None, start)
    with torch.no_grad():
        ours = functional.normalize(tower(["red tea", "oat jam"]), dim=1)
    expected = torch.from_numpy(theirs.encode(["red tea", "oat jam"]))
    torch.testing.assert_close(ours @ ours.T, expected @ expected.T, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), r"is no folder of a static model; expected tokenizer\.json and model\."),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), r"tokenizer\.json is no tokenizer of the tokenizers library"),
        (lambda folder: (folder / "model.safetensors").write_text("{}"), r"model\.safetensors is no safetensors file"),
        (
            lambda folder: save_file({"other": torch.ones(3)}, folder / "model.safetensors"),
            r"holds no table of a static model: expected a matrix embeddings or embedding\.weight, got \['other'\]",
        ),
        (
            lambda folder: save_file({"embeddings": torch.ones(3, 4)}, folder / "model.safetensors"),
            "holds vectors of 3 tokens, its tokenizer 8 tokens; they are of two models",
        ),
        (
            lambda folder: save_file({"embeddings": torch.ones(8, 4), "weights": torch.ones(7)}, folder / "model.safetensors"),
            "holds vectors of 7 tokens, its tokenizer 8 tokens",
        ),
        (
            lambda folder: save_file({"embeddings": torch.ones(3, 4), "mapping": torch.arange(8)}, folder / "model.safetensors"),
            "the mapping in .* points outside its table of 3 rows",
        ),
        (
            lambda folder: save_file({"embeddings": torch.full((8, 4), torch.nan)}, folder / "model.safetensors"),
            "holds values that are not finite",
        ),
    ],
)
def test_what_is_no_static_model_is_named(tmp_path, table, damage, message):
    start = write(tmp_path, {"embeddings": table})
    damage(tmp_path)
    with pytest.raises(ConfigError, match=message):
        read_static_model(start, 16)


def test_tokenizers_that_know_everything_or_not():
    content = json.loads(word_tokenizer().to_str())
    content |= {"pre_tokenizer": None, "padding": None}
    letters = [["red", -1.0], ["x", -2.0], ["r", -5.0], ["e", -5.0], ["d", -5.0]]
    content["model"] = {"type": "Unigram", "vocab": letters, "unk_id": None, "byte_fallback": False}
    assert TokenCutter(Tokenizer.from_str(json.dumps(content)))(["redxred"]).token.tolist() == [0, 1, 0]
    content["model"]["unk_id"] = 1
    assert TokenCutter(Tokenizer.from_str(json.dumps(content)))(["redxred"]).token.tolist() == [0, 0]
    assert TokenCutter(Tokenizer(models.BPE(vocab={"a": 0}, merges=[])))(["aba"]).token.tolist() == [0, 0]
