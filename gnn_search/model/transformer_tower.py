"""The text towers on top of a sentence-transformers model: frozen, or learning."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from safetensors.torch import save
from torch import Tensor, nn

from gnn_search.arrays import Int32, Int64
from gnn_search.graph.store import Graph
from gnn_search.layout import ModelLayout, staged
from gnn_search.model.features import TextNode, node_texts
from gnn_search.model.pretrained import hash_folder
from gnn_search.model.sentence_transformer import TransformerSource, embed
from gnn_search.model.text_tower import TextTower

VECTORS = "vectors"
"""Name of the tensor, and of its description, in `text_vectors.safetensors`."""


class DistinctTexts:
    """The distinct texts of a graph's nodes, in alphabetical order, and which of them each node has."""

    def __init__(self, graph: Graph) -> None:
        types: tuple[TextNode, ...] = ("query", "product", "category")
        series = {node_type: pl.Series("text", node_texts(graph, node_type), dtype=pl.String) for node_type in types}
        distinct = pl.concat(list(series.values())).unique().sort()
        lookup = distinct.to_frame().with_row_index("row")
        self.texts: list[str] = distinct.to_list()
        self.rows: dict[TextNode, Int64] = {
            node_type: texts.to_frame()
            .join(lookup, on="text", how="left", maintain_order="left")["row"]
            .cast(pl.Int64)
            .to_numpy(writable=True)
            for node_type, texts in series.items()
        }

    def of(self, node_type: TextNode, rows: Int32 | None) -> Int64:
        """Return the text of each of some nodes, by default of all."""
        return self.rows[node_type] if rows is None else self.rows[node_type][rows]

    @cached_property
    def places(self) -> dict[str, int]:
        """The number of each text."""
        return {text: place for place, text in enumerate(self.texts)}


class FrozenTransformer(TextTower):
    """A learned projection of a transformer's vectors, which stay as they are.

    The vectors of the nodes' texts are at hand; the transformer is loaded when a text comes that no node has.

    Args:
        texts: The nodes' texts.
        vectors: Their vectors, float32 [texts, h], unit length.
        source: The transformer.
        dimension: Of the tower's vectors.
    """

    def __init__(self, texts: DistinctTexts, vectors: Tensor, source: TransformerSource, dimension: int) -> None:
        super().__init__()
        # Not a buffer: a checkpoint would carry it each time.
        self._texts, self._vectors, self.source = texts, vectors, source
        self._loaded: list[Any] = []
        self.projection = nn.Linear(vectors.shape[1], dimension, bias=False)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """See `TextTower.forward`."""
        place = np.fromiter((self._texts.places.get(text, -1) for text in texts), dtype=np.int64, count=len(texts))
        vectors = self._vectors[torch.from_numpy(np.maximum(place, 0))]
        new = np.flatnonzero(place < 0)
        if len(new):
            with torch.no_grad():
                vectors[torch.from_numpy(new)] = embed(self._transformer(), [texts[int(row)] for row in new])
        return torch.as_tensor(self.projection(vectors))

    def nodes(self, node_type: TextNode, rows: Int32 | None = None) -> Tensor:
        """See `TextTower.nodes`."""
        return torch.as_tensor(self.projection(self._vectors[torch.from_numpy(self._texts.of(node_type, rows))]))

    def knows(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """See `TextTower.knows`: all but blank ones."""
        return np.array([bool(text.strip()) for text in texts], dtype=np.bool_)

    def save(self, folder: Path) -> list[Path]:
        """See `TextTower.save`: the vectors of the nodes' texts, and where the transformer lies."""
        return [write_text_vectors(folder, self._vectors, self.source)]

    def _transformer(self) -> Any:
        if not self._loaded:
            # In a list, so that it is no part of this module and its weights not part of the model's.
            self._loaded.append(self.source.load())
        return self._loaded[0]


class LearningTransformer(TextTower):
    """A transformer that learns with the other towers, and a learned projection of its vectors.

    Its dropout stays off: it would take random numbers that a resumed run can't take again.

    Args:
        texts: The nodes' texts.
        transformer: From `load_transformer`.
        max_tokens: Tokens of a text that count.
        dimension: Of the tower's vectors.
    """

    def __init__(self, texts: DistinctTexts, transformer: nn.Module, max_tokens: int, dimension: int, width: int) -> None:
        super().__init__()
        self._texts, self._max_tokens = texts, max_tokens
        self.transformer = transformer
        self.projection = nn.Linear(width, dimension, bias=False)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """See `TextTower.forward`."""
        return torch.as_tensor(self.projection(embed(self.transformer, texts)))

    def nodes(self, node_type: TextNode, rows: Int32 | None = None) -> Tensor:
        """See `TextTower.nodes`. A text that several nodes have is encoded once."""
        distinct, row = np.unique(self._texts.of(node_type, rows), return_inverse=True)
        vectors = self([self._texts.texts[place] for place in distinct])
        return torch.as_tensor(vectors[torch.from_numpy(row)])

    def knows(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """See `TextTower.knows`: all but blank ones."""
        return np.array([bool(text.strip()) for text in texts], dtype=np.bool_)

    @torch.no_grad()
    def save(self, folder: Path) -> list[Path]:
        """See `TextTower.save`: the transformer as it is now, and its vectors of the nodes' texts, with which it opens frozen."""
        layout = ModelLayout(folder)
        with staged(layout.transformer, replace=True) as partial:
            write_transformer(self.transformer, partial)
        source = TransformerSource(layout.transformer, hash_folder(layout.transformer), self._max_tokens)
        return [write_text_vectors(folder, embed(self.transformer, self._texts.texts), source)]

    def saved_apart(self) -> Iterable[nn.Parameter]:
        """See `TextTower`: the transformer has a folder of its own."""
        return self.transformer.parameters()

    def train(self, mode: bool = True) -> LearningTransformer:
        """Set the mode of all but the transformer."""
        super().train(mode)
        self.transformer.eval()
        return self


def write_text_vectors(folder: Path, vectors: Tensor, source: TransformerSource) -> Path:
    """Write the vectors of the distinct texts into a model folder, with the transformer that they are of."""
    layout = ModelLayout(folder)
    # One inside the model folder moves with it.
    place = "" if source.folder.resolve() == layout.transformer.resolve() else str(source.folder.resolve())
    # One entry: the format keeps several in no fixed order.
    described = json.dumps({"transformer": place, "hash": source.hash, "max_tokens": source.max_tokens})
    with staged(layout.text_vectors, replace=True) as partial:
        partial.write_bytes(save({VECTORS: vectors.contiguous()}, metadata={VECTORS: described}))
    return layout.text_vectors


def write_transformer(model: Any, folder: Path) -> None:
    """Write a sentence-transformers folder that other users of the machine may read."""
    model.save(str(folder), create_model_card=False)
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
