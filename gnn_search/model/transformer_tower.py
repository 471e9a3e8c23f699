"""The text towers on top of a sentence-transformers model: frozen, or learning."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from gnn_search.arrays import Int32, Int64
from gnn_search.errors import ArtefactError, ConfigError, MissingExtraError
from gnn_search.graph.store import Graph
from gnn_search.graph.texts import TextNode, node_texts
from gnn_search.layout import ModelLayout, staged
from gnn_search.model.pretrained import hash_folder
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

    Shapes:
        - vectors: float32 [texts, h], unit length, of the nodes' texts
    """

    def __init__(self, texts: DistinctTexts, vectors: Tensor, source: TransformerSource, dimension: int) -> None:
        super().__init__()
        # Not a buffer: a checkpoint would carry it each time.
        self._texts, self._vectors, self.source = texts, vectors, source
        self._loaded: list[Any] = []
        self.projection = nn.Linear(vectors.shape[1], dimension, bias=False)

    def forward(self, texts: Sequence[str]) -> Tensor:
        place = np.fromiter((self._texts.places.get(text, -1) for text in texts), dtype=np.int64, count=len(texts))
        vectors = self._vectors[torch.from_numpy(np.maximum(place, 0))]
        new = np.flatnonzero(place < 0)
        if len(new):
            with torch.no_grad():
                vectors[torch.from_numpy(new)] = transformer_vectors(self._transformer(), [texts[int(row)] for row in new])
        return torch.as_tensor(self.projection(vectors))

    def nodes(self, node_type: TextNode, rows: Int32 | None = None) -> Tensor:
        return torch.as_tensor(self.projection(self._vectors[torch.from_numpy(self._texts.of(node_type, rows))]))

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
    """

    def __init__(self, texts: DistinctTexts, transformer: nn.Module, max_tokens: int, dimension: int, width: int) -> None:
        super().__init__()
        self._texts, self._max_tokens = texts, max_tokens
        self.transformer = transformer
        self.projection = nn.Linear(width, dimension, bias=False)

    def forward(self, texts: Sequence[str]) -> Tensor:
        return torch.as_tensor(self.projection(transformer_vectors(self.transformer, texts)))

    def nodes(self, node_type: TextNode, rows: Int32 | None = None) -> Tensor:
        """See `TextTower.nodes`. A text that several nodes have is encoded once."""
        distinct, row = np.unique(self._texts.of(node_type, rows), return_inverse=True)
        vectors = self([self._texts.texts[place] for place in distinct])
        return torch.as_tensor(vectors[torch.from_numpy(row)])

    @torch.no_grad()
    def save(self, folder: Path) -> list[Path]:
        """See `TextTower.save`: the transformer as it is now, and its vectors of the nodes' texts, with which it opens frozen."""
        layout = ModelLayout(folder)
        with staged(layout.transformer, replace=True) as partial:
            write_transformer(self.transformer, partial)
        source = TransformerSource(layout.transformer, hash_folder(layout.transformer), self._max_tokens)
        return [write_text_vectors(folder, transformer_vectors(self.transformer, self._texts.texts), source)]

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


@dataclass(frozen=True)
class TransformerSource:
    """A sentence-transformers model that a text tower relies on.

    Attributes:
        folder: Where it lies.
        hash: Hash of its files.
        max_tokens: Tokens of a text that count.
    """

    folder: Path
    hash: str
    max_tokens: int

    def load(self) -> Any:
        """Load the model.

        Raises:
            ArtefactError: It is no longer there, or another lies in its place.
            MissingExtraError: The package is not installed.
        """
        if not self.folder.is_dir():
            raise ArtefactError(
                f"new texts are encoded by the transformer in {self.folder}, which is gone; put it back, or train the model again"
            )
        if hash_folder(self.folder) != self.hash:
            raise ArtefactError(
                f"the transformer in {self.folder} is not the one that the model was trained with (its files have changed); "
                "put that one back, or train the model again"
            )
        return load_transformer(self.folder, self.max_tokens)


def load_transformer(folder: Path, max_tokens: int) -> Any:
    """Load a sentence-transformers folder, without dropout.

    Raises:
        ConfigError: The folder is none, or its weights are no safetensors.
        MissingExtraError: The package is not installed.
    """
    if not (folder / "modules.json").is_file():
        raise ConfigError(f"text.transformer: {folder} is no folder of a sentence-transformers model; expected modules.json in it")
    for weights in folder.rglob("pytorch_model*.bin"):
        if not list(weights.parent.glob("*.safetensors")):
            raise ConfigError(f"text.transformer: {weights} is a pickle, which is never read; save the model with safe_serialization=True")
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the text part transformer needs {error.name}, which is not installed; run: pip install 'gnn-search[transformer]'"
        ) from None
    logging.disable_progress_bar()
    try:
        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"text.transformer: the sentence-transformers model in {folder} can't be loaded ({reason})") from None
    model.max_seq_length = max_tokens if model.max_seq_length is None else min(max_tokens, model.max_seq_length)
    return model.eval().float()


def width(model: Any) -> int:
    """Return the dimension of a model's vectors."""
    return int(model.get_embedding_dimension())


def transformer_vectors(model: Any, texts: Sequence[str], chunk: int = 128) -> Tensor:
    """Encode texts, with a gradient where gradients are on.

    Texts of like length go together, `chunk` at a time. What a chunk needs for its gradient is computed again on the way back (Chen et
    al., arXiv 1604.06174), so memory grows with a chunk and not with the batch.

    Shapes:
        - returns: float32 [n, h], unit length
    """
    order = np.argsort([len(text) for text in texts], kind="stable")
    parts = [torch.zeros((0, width(model)))]
    for start in range(0, len(order), chunk):
        inputs = model.preprocess([texts[place] for place in order[start : start + chunk]])
        if torch.is_grad_enabled():
            parts.append(checkpoint(_forward, model, inputs, use_reentrant=False, preserve_rng_state=False))
        else:
            parts.append(_forward(model, inputs))
    return functional.normalize(torch.cat(parts)[torch.from_numpy(np.argsort(order))], dim=1)


def _forward(model: Any, inputs: dict[str, Any]) -> Tensor:
    return torch.as_tensor(model(dict(inputs))["sentence_embedding"])
