"""Export a torch module as an ONNX file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnn_search.errors import ConfigError, MissingExtraError

OPSET = 18
"""Old enough for servers that are not of this year."""
IR_VERSION = 8
"""Of the file; the one that came with the opset."""

MOST_BYTES = 2**31 - 2**20
"""A protocol buffer holds less than 2 GiB."""


def export_module(
    module: nn.Module,
    inputs: Mapping[str, tuple[Tensor, Sequence[str | int]]],
    outputs: Sequence[str],
    path: Path,
    about: str,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Write a module as an ONNX file; the same module gives the same bytes.

    Args:
        module: Takes the inputs in their order.
        inputs: An example of each, and its shape; a text in a shape names a dimension of any size.
        outputs: Names of what the module returns, float32 [batch, d] each.
        path: Where.
        about: What the network does, for those who open it in a viewer.
        most_bytes: That the file may hold.

    Raises:
        ConfigError: The file would be too large.
        MissingExtraError: The package onnx is not installed.
    """
    onnx = _import_onnx()
    size = sum(tensor.nbytes for tensor in chain(module.parameters(), module.buffers()))
    if size > most_bytes:
        raise ConfigError(
            f"{path.name} would hold {size / 1e9:.1f} GB, and an ONNX file holds less than 2 GiB; "
            "train with a smaller text.vocabulary or dimension, or leave ONNX out"
        )
    dynamic = {name: {axis: size for axis, size in enumerate(shape) if isinstance(size, str)} for name, (_, shape) in inputs.items()}
    torch.onnx.register_custom_op_symbolic(  # type: ignore[attr-defined]
        "aten::embedding_bag", _padded_bags, OPSET
    )
    try:
        with warnings.catch_warnings():
            # The exporter warns that it is the older of two; the newer one needs a package more.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                tuple(example for example, _ in inputs.values()),
                path,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={**dynamic, **{name: {0: "batch"} for name in outputs}},
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::embedding_bag", OPSET)  # type: ignore[attr-defined]
    model = onnx.load(path)
    model.producer_name, model.producer_version, model.doc_string, model.ir_version = "gnn-search", "", about, IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _padded_bags(graph: Any, table: Any, index: Any, offsets: Any, *settings: Any) -> tuple[Any, None, None, None]:
    """Write the weighted sum of `Padded` with ONNX operators; torch's own translation loops over the rows."""
    weight = settings[3]
    shape = graph.op("Concat", graph.op("Shape", offsets), graph.op("Constant", value_t=torch.tensor([-1])), axis_i=0)
    rows = graph.op("Gather", table, graph.op("Reshape", index, shape))
    scale = graph.op("Unsqueeze", graph.op("Reshape", weight, shape), graph.op("Constant", value_t=torch.tensor([2])))
    axis = graph.op("Constant", value_t=torch.tensor([1]))
    return graph.op("ReduceSum", graph.op("Mul", rows, scale), axis, keepdims_i=0), None, None, None


def _import_onnx() -> Any:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"ONNX files need {error.name}, which is not installed; run: pip install 'gnn-search[onnx]'") from None
    return onnx
