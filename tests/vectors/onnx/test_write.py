"""The folder says what it holds and how well it agrees with the package, and is checked before it is there."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_folders import needs_onnx, write_towers
from towers import tiny_config

from gnn_search.errors import ArtefactError
from gnn_search.layout import read_json
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings
from gnn_search.vectors.onnx import write
from gnn_search.vectors.onnx.manifest import MANIFEST, OnnxManifest
from gnn_search.vectors.onnx.network import IR_VERSION, OPSET
from gnn_search.vectors.onnx.write import write_onnx_towers

needs_onnx()


@pytest.fixture(scope="module")
def written(tiny_graph, tmp_path_factory):
    return write_towers(tiny_graph, tiny_config(), tmp_path_factory.mktemp("written"))


def test_the_manifest_says_what_is_there(written):
    import onnx
    import onnxruntime

    manifest = written.manifest
    assert OnnxManifest.model_validate(read_json(written.folder / MANIFEST, "a folder of towers")) == manifest
    assert (manifest.model_hash, manifest.graph_hash) == (written.model.manifest.hash, written.model.graph.manifest.hash)
    assert (manifest.dimension, manifest.opset, manifest.ir_version) == (16, OPSET, IR_VERSION)
    assert (manifest.onnx, manifest.check.onnxruntime) == (onnx.__version__, onnxruntime.__version__)
    personal = manifest.personal_tower
    assert personal is not None
    assert (personal.clock, personal.actions, personal.attention_length, personal.sequence_length) == (
        "calendar",
        ("click", "purchase"),
        6,
        5,
    )
    assert personal.sequences == {"recent_click": "click", "recent_purchase": "purchase"}
    assert [codes.column for codes in personal.attributes] == ["age", "city"]
    assert "東京" in personal.attributes[1].values


def test_the_manifest_says_how_well_they_agree(written):
    found = written.manifest.check
    assert (found.texts, found.requests) == (26, 256)
    assert 0 < found.text_difference < 1e-5
    assert found.personal_difference is not None
    assert 0 < found.personal_difference < 1e-5


def test_the_same_model_gives_the_same_bytes(written, tmp_path):
    model = open_model(written.model.path)
    write_onnx_towers(tmp_path / "again", model, open_node_embeddings(model))
    names = sorted(path.name for path in written.folder.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        assert (written.folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


@pytest.mark.parametrize("name", ["text_tower", "personal_tower"])
def test_towers_that_differ_from_the_package_are_refused(written, tmp_path, monkeypatch, name):
    real = write.open_session

    class Wrong:
        def __init__(self, session) -> None:
            self._session = session

        def run(self, outputs, inputs):
            return [np.where(np.arange(16) == 0, np.nan, value) for value in self._session.run(outputs, inputs)]

    monkeypatch.setattr(write, "open_session", lambda file: Wrong(real(file)) if file.stem == name else real(file))
    with pytest.raises(ArtefactError, match=rf"{name}.onnx differs by nan from the model in a vector's number, where at most 1e-05 is due"):
        write_onnx_towers(tmp_path / "onnx", written.model, open_node_embeddings(written.model))
    assert not (tmp_path / "onnx" / "onnx.json").exists()
