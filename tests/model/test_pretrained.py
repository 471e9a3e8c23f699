"""Where weights of others lie, and the map to another dimension."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import gnn_search
from gnn_search.errors import ConfigError
from gnn_search.model.pretrained import hash_folder, locate, principal_projection


def test_a_path_or_a_path_inside_a_package(tmp_path):
    assert locate(str(tmp_path)) == tmp_path
    root = Path(gnn_search.__file__).parent
    assert locate("gnn_search:model") == root / "model"
    assert locate("gnn_search:model/tokens.py") == root / "model" / "tokens.py"


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
        locate(reference)


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
