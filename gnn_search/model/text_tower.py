"""The interface of a text tower."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from gnn_search.arrays import Int32
from gnn_search.graph.texts import TextNode


class TextTower(nn.Module, ABC):
    """Encodes the texts of a graph's nodes and any others into the space of all towers."""

    @abstractmethod
    def forward(self, texts: Sequence[str]) -> Tensor:
        """Encode any texts: float32 [n, d], not normalised."""

    @abstractmethod
    def nodes(self, node_type: TextNode, rows: Int32 | None = None) -> Tensor:
        """Encode the texts of nodes, rows int32 [n], by default all: float32 [n, d], not normalised."""

    def knows(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Say which texts mean anything to the tower, bool [n]: by default all but blank ones."""
        return np.array([bool(text.strip()) for text in texts], dtype=np.bool_)

    @abstractmethod
    def save(self, folder: Path) -> list[Path]:
        """Write what the tower needs beside its weights into a model folder, and return the files that the model's hash is to cover."""

    def saved_apart(self) -> Iterable[nn.Parameter]:
        """Return the parameters that `save` writes, which so need not be among the model's weights."""
        return ()
