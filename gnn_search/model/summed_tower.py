"""The sum of a bag of pieces and a transformer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.arrays import Int32
from gnn_search.graph.texts import TextNode
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.text_tower import TextTower
from gnn_search.model.transformer_tower import FrozenTransformer, LearningTransformer


class SummedTower(TextTower):
    """Add up what the bag and the transformer say, each of unit length times a learned number.

    The text part of the product tower of Jha et al. (arXiv 2306.04833) joins a transformer, tokens and terms so.
    """

    def __init__(self, bag: BagTower, transformer: FrozenTransformer | LearningTransformer) -> None:
        super().__init__()
        self.bag, self.transformer = bag, transformer
        self.log_gain = nn.Parameter(torch.zeros(()))

    def forward(self, texts: Sequence[str]) -> Tensor:
        return self._sum(self.bag(texts), self.transformer(texts))

    def nodes(self, node_type: TextNode, rows: Int32 | None = None) -> Tensor:
        return self._sum(self.bag.nodes(node_type, rows), self.transformer.nodes(node_type, rows))

    def _sum(self, bag: Tensor, transformer: Tensor) -> Tensor:
        return bag + functional.normalize(transformer, dim=1) * torch.exp(self.log_gain)

    def save(self, folder: Path) -> list[Path]:
        return [*self.bag.save(folder), *self.transformer.save(folder)]

    def saved_apart(self) -> Iterable[nn.Parameter]:
        return self.transformer.saved_apart()
