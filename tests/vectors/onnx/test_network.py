"""Networks have any batch size, the same bytes each time, and a size that the format holds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_folders import needs_onnx
from torch import nn

from gnn_search.errors import ConfigError, MissingExtraError
from gnn_search.model.aggregation import Padded
from gnn_search.vectors.onnx.network import IR_VERSION, MOST_BYTES, OPSET, export_module
from gnn_search.vectors.onnx.write import open_session

needs_onnx()


class Sums(nn.Module):
    """Sums rows of a table that are not -1."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.arange(8.0).view(4, 2))

    def forward(self, codes):
        return Padded.of_known(codes, mean=False).sum(self.table)


def write(path: Path, most_bytes: int = MOST_BYTES) -> Path:
    example = torch.zeros(2, 3, dtype=torch.int64)
    export_module(Sums(), {"codes": (example, ("batch", "slots"))}, ["sum"], path, "sums of rows", most_bytes)
    return path


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (3, 5)])
def test_any_batch_and_width(tmp_path, shape):
    codes = np.random.default_rng(0).integers(-1, 4, shape)
    found = open_session(write(tmp_path / "sums.onnx")).run(["sum"], {"codes": codes})[0]
    table = np.r_[np.arange(8).reshape(4, 2), [[0, 0]]]
    assert np.array_equal(found, table[codes].sum(axis=1))


def test_declares_what_it_needs(tmp_path):
    import onnx

    model = onnx.load(write(tmp_path / "sums.onnx"))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert (model.ir_version, model.doc_string, model.producer_name) == (IR_VERSION, "sums of rows", "gnn-search")
    assert not {"Loop", "If"} & {node.op_type for node in model.graph.node}


def test_same_bytes(tmp_path):
    assert write(tmp_path / "one").read_bytes() == write(tmp_path / "two").read_bytes()


def test_refuses_what_the_format_does_not_hold(tmp_path):
    with pytest.raises(ConfigError, match=r"sums.onnx would hold 0.0 GB, and an ONNX file holds less than 2 GiB; train with a smaller"):
        write(tmp_path / "sums.onnx", most_bytes=3)
    assert not list(tmp_path.iterdir())


def test_says_which_package_is_missing(tmp_path, monkeypatch):
    path = write(tmp_path / "sums.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"ONNX files need onnx, which is not installed; run: pip install 'gnn-search\[onnx\]'"):
        write(tmp_path / "any.onnx")
    with pytest.raises(MissingExtraError, match=r"checked with onnxruntime, which is not installed; run: pip install 'gnn-search\[onnx\]'"):
        open_session(path)
