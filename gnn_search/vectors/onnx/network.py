"""An ONNX network, put together operator by operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from gnn_search.errors import ConfigError, MissingExtraError

OPSET = 18
"""Old enough for servers that are not of this year; operators that came later, such as Gelu, are written out in older ones."""
IR_VERSION = 8
"""Of the file; the one that came with the opset."""

_MOST_BYTES = 2**31 - 2**20
"""A protocol buffer holds less than 2 GiB."""
_EPSILON = 1e-12
"""Least length that a vector is divided by, as in torch's `normalize`."""

Array = npt.NDArray[Any]
NumberType = Literal["float32", "int64"]


class Network:
    """Inputs, operators and outputs in the order in which they are added.

    The towers read ragged arrays, which no exporter traces: they are written here a second time, over rectangles, and held to the first by
    comparing their numbers. The package onnx is all that this needs.

    Args:
        name: Of the graph inside the file.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """

    def __init__(self, name: str) -> None:
        self._onnx = _import_onnx()
        self._name = name
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._bytes = 0

    def input(self, name: str, kind: NumberType, *shape: str | int) -> str:
        """Add an input; a text in the shape names a dimension of any size."""
        self._inputs.append(self._describe(name, kind, shape))
        return name

    def output(self, value: str, name: str, *shape: str | int) -> None:
        """Make a float32 value an output."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
        self._outputs.append(self._describe(name, "float32", shape))

    def constant(self, value: Array | Tensor | float | list[int]) -> str:
        """Add a constant: float32 of a number, int64 of a list of integers."""
        if isinstance(value, Tensor):
            array: Array = value.detach().cpu().numpy()
        elif isinstance(value, list):
            array = np.array(value, dtype=np.int64)
        else:
            array = np.asarray(value, dtype=np.float32) if isinstance(value, float) else value
        name = f"constant_{len(self._constants)}"
        self._bytes += array.nbytes
        # Not before: a description of a few bytes is all that is kept of an array too large for the file.
        if self._bytes <= _MOST_BYTES:
            self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator and return its result."""
        result = f"{kind}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), [result], **attributes))
        return result

    def sum(self, value: str, axis: int) -> str:
        """Sum over an axis, which goes."""
        return self.op("ReduceSum", value, self.constant([axis]), keepdims=0)

    def linear(self, value: str, layer: nn.Linear) -> str:
        """Apply a linear layer to the last axis."""
        product = self.op("MatMul", value, self.constant(layer.weight.detach().T))
        bias = dict(layer.named_parameters()).get("bias")
        return product if bias is None else self.op("Add", product, self.constant(bias))

    def weighted_sum(self, weight: str, vectors: str) -> str:
        """Sum vectors, [batch, slots, d], with weights, [batch, slots]: [batch, d]; zeros where there is no slot."""
        return self.sum(self.op("Mul", self.op("Unsqueeze", weight, self.constant([2])), vectors), 1)

    def unit(self, vectors: str) -> str:
        """Scale rows to length 1; a row of zeros stays one."""
        length = self.op("ReduceL2", vectors, self.constant([1]), keepdims=1)
        return self.op("Div", vectors, self.op("Max", length, self.constant(_EPSILON)))

    def save(self, path: Path, about: str) -> None:
        """Write the file; the same network gives the same bytes.

        Args:
            path: Where.
            about: What the network does, for those who open it in a viewer.

        Raises:
            ConfigError: It would be too large for the format.
        """
        if self._bytes > _MOST_BYTES:
            raise ConfigError(
                f"{path.name} would hold {self._bytes / 1e9:.1f} GB, and an ONNX file holds less than 2 GiB; "
                "train with a smaller text.vocabulary or dimension, or leave ONNX out"
            )
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="gnn-search", doc_string=about)
        model.ir_version = IR_VERSION
        self._onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))

    def _describe(self, name: str, kind: NumberType, shape: tuple[str | int, ...]) -> Any:
        number = self._onnx.TensorProto.FLOAT if kind == "float32" else self._onnx.TensorProto.INT64
        return self._onnx.helper.make_tensor_value_info(name, number, shape)


def _import_onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"ONNX files need {error.name}, which is not installed; run: pip install 'gnn-search[onnx]'") from None
    return onnx
