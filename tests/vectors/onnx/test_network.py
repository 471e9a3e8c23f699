"""Networks have any batch size, the same bytes each time, and a size that the format holds."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from onnx_folders import needs_onnx

from gnn_search.errors import ConfigError, MissingExtraError
from gnn_search.vectors.onnx import check, network
from gnn_search.vectors.onnx.network import IR_VERSION, OPSET, Network

needs_onnx()


def doubled() -> Network:
    built = Network("doubled")
    value = built.input("value", "float32", "batch", 2)
    built.output(built.op("Mul", value, built.constant(2.0)), "twice", "batch", 2)
    return built


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_any_batch(tmp_path, batch):
    doubled().save(tmp_path / "doubled.onnx", "twice as much")
    value = np.arange(2 * batch, dtype=np.float32).reshape(batch, 2)
    assert np.array_equal(check.open_session(tmp_path / "doubled.onnx").run(["twice"], {"value": value})[0], 2 * value)


def test_declares_what_it_needs(tmp_path):
    import onnx

    doubled().save(tmp_path / "doubled.onnx", "twice as much")
    model = onnx.load(tmp_path / "doubled.onnx")
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert (model.ir_version, model.doc_string, model.producer_name) == (IR_VERSION, "twice as much", "gnn-search")


def test_same_bytes(tmp_path):
    for name in ("one", "two"):
        doubled().save(tmp_path / name, "twice as much")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_is_torchs(tmp_path, bias):
    layer, value = torch.nn.Linear(3, 2, bias=bias), torch.randn(4, 5, 3)
    built = Network("linear")
    built.output(built.linear(built.input("value", "float32", "batch", 5, 3), layer), "out", "batch", 5, 2)
    built.save(tmp_path / "linear.onnx", "linear")
    found = check.open_session(tmp_path / "linear.onnx").run(None, {"value": value.numpy()})[0]
    assert np.allclose(found, layer(value).detach(), atol=1e-6)


def test_unit_length_and_no_division_by_zero(tmp_path):
    built = Network("unit")
    built.output(built.unit(built.input("value", "float32", "batch", 2)), "out", "batch", 2)
    built.save(tmp_path / "unit.onnx", "unit")
    found = check.open_session(tmp_path / "unit.onnx").run(None, {"value": np.array([[3, 4], [0, 0]], dtype=np.float32)})[0]
    assert np.allclose(found, [[0.6, 0.8], [0, 0]])


def test_refuses_what_the_format_does_not_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(network, "_MOST_BYTES", 3)
    with pytest.raises(ConfigError, match=r"doubled.onnx would hold 0.0 GB, and an ONNX file holds less than 2 GiB; train with a smaller"):
        doubled().save(tmp_path / "doubled.onnx", "twice as much")
    assert not list(tmp_path.iterdir())


def test_says_which_package_is_missing(tmp_path, monkeypatch):
    doubled().save(tmp_path / "doubled.onnx", "twice as much")
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"ONNX files need onnx, which is not installed; run: pip install 'gnn-search\[onnx\]'"):
        Network("any")
    with pytest.raises(MissingExtraError, match=r"checked with onnxruntime, which is not installed; run: pip install 'gnn-search\[onnx\]'"):
        check.open_session(tmp_path / "doubled.onnx")
