"""Make the text tower that a configuration asks for, and open that of a model folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from torch import Tensor

from gnn_search.config.training import TextSettings
from gnn_search.errors import ArtefactError
from gnn_search.graph.store import Graph
from gnn_search.layout import ModelLayout
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.features import training_texts
from gnn_search.model.pretrained import hash_folder, locate, principal_projection, read_static_model
from gnn_search.model.summed_tower import SummedTower
from gnn_search.model.text_encoder import TermHasher
from gnn_search.model.text_tower import TextTower
from gnn_search.model.tokens import train_tokenizer
from gnn_search.model.transformer_tower import (
    VECTORS,
    DistinctTexts,
    FrozenTransformer,
    LearningTransformer,
    TransformerSource,
    load_transformer,
    transformer_vectors,
    width,
    write_text_vectors,
)

_SAMPLE = 4096
"""Texts from which the first projection of a transformer that learns is made."""


def make_text_tower(settings: TextSettings, dimension: int, graph: Graph, layout: ModelLayout) -> TextTower:
    """Make an untrained text tower.

    A frozen transformer encodes all texts of the graph now; their vectors are kept in the model folder, where a resumed run finds them.

    Raises:
        ConfigError: `text.start` or `text.transformer` is not what the tower can start from.
        ArtefactError: The text vectors in the model folder are damaged, or of another transformer.
        MissingExtraError: A transformer is asked for, and the package that runs it is not installed.
    """
    bag = None
    if set(settings.parts) & {"static", "terms"}:
        tokenizer, table = None, None
        if "static" in settings.parts:
            if settings.start is None:
                tokenizer = train_tokenizer(training_texts(graph), settings)
            else:
                tokenizer, table = read_static_model(settings.start, settings.max_tokens)
        bag = BagTower(graph, dimension, tokenizer, _hasher(settings), table)
    if settings.transformer is None:
        assert bag is not None
        return bag
    folder = locate(settings.transformer, "text.transformer")
    transformer: FrozenTransformer | LearningTransformer
    if settings.frozen:
        transformer = _make_frozen(TransformerSource(folder, hash_folder(folder), settings.max_tokens), dimension, graph, layout)
    else:
        transformer = _make_learning(folder, settings, dimension, graph)
    return transformer if bag is None else SummedTower(bag, transformer)


def open_text_tower(settings: TextSettings, dimension: int, graph: Graph, layout: ModelLayout) -> TextTower:
    """Make the text tower of a model folder, without its weights.

    Raises:
        ArtefactError: The folder is damaged.
    """
    bag = None
    if set(settings.parts) & {"static", "terms"}:
        tokenizer = Tokenizer.from_str(layout.tokenizer.read_text(encoding="utf-8")) if "static" in settings.parts else None
        bag = BagTower(graph, dimension, tokenizer, _hasher(settings), _empty_table(layout) if settings.start is not None else None)
        if settings.transformer is None:
            return bag
    vectors, source = _read_text_vectors(layout)
    texts = DistinctTexts(graph)
    if len(vectors) != len(texts.texts):
        raise ArtefactError(
            f"{layout.text_vectors} is damaged: expected vectors of {len(texts.texts):,} texts, got {len(vectors):,}; train the model again"
        )
    transformer = FrozenTransformer(texts, vectors, source, dimension)
    return transformer if bag is None else SummedTower(bag, transformer)


def _empty_table(layout: ModelLayout) -> Tensor:
    """Return zeros of the shape of the token table in a model folder."""
    try:
        with safe_open(layout.weights, "pt") as opened:
            name = next(name for name in opened.keys() if name.endswith("tokens"))  # noqa: SIM118 - the file is no dictionary
            return torch.zeros(opened.get_slice(name).get_shape())
    except (SafetensorError, OSError, StopIteration) as error:
        raise ArtefactError(f"{layout.weights} is damaged ({error}); train the model again") from None


def _hasher(settings: TextSettings) -> TermHasher | None:
    return TermHasher(settings.buckets, settings.grams) if "terms" in settings.parts else None


def _make_frozen(source: TransformerSource, dimension: int, graph: Graph, layout: ModelLayout) -> FrozenTransformer:
    texts = DistinctTexts(graph)
    if layout.text_vectors.exists():
        vectors, kept = _read_text_vectors(layout)
        if (kept.hash, kept.max_tokens, len(vectors)) != (source.hash, source.max_tokens, len(texts.texts)):
            raise ArtefactError(
                f"{layout.text_vectors} is of another transformer than {source.folder}; put back the one that the run was started with, "
                "or train anew"
            )
    else:
        with torch.no_grad():
            vectors = transformer_vectors(source.load(), texts.texts)
        write_text_vectors(layout.root, vectors, source)
    tower = FrozenTransformer(texts, vectors, source, dimension)
    _start_projection(tower.projection.weight, vectors)
    return tower


def _make_learning(folder: Path, settings: TextSettings, dimension: int, graph: Graph) -> LearningTransformer:
    transformer, texts = load_transformer(folder, settings.max_tokens), DistinctTexts(graph)
    tower = LearningTransformer(texts, transformer, settings.max_tokens, dimension, width(transformer))
    picked = np.linspace(0, len(texts.texts) - 1, min(_SAMPLE, len(texts.texts))).astype(np.int64)
    with torch.no_grad():
        _start_projection(tower.projection.weight, transformer_vectors(transformer, [texts.texts[place] for place in picked]))
    return tower


@torch.no_grad()
def _start_projection(weight: Tensor, vectors: Tensor) -> None:
    weight.copy_(principal_projection(vectors, len(weight)))


def _read_text_vectors(layout: ModelLayout) -> tuple[Tensor, TransformerSource]:
    file = layout.text_vectors
    try:
        with safe_open(file, "pt") as opened:
            described = json.loads((opened.metadata() or {})[VECTORS])
            vectors: Tensor = opened.get_tensor(VECTORS)
        folder = Path(described["transformer"]) if described["transformer"] else layout.transformer
        return vectors, TransformerSource(folder, str(described["hash"]), int(described["max_tokens"]))
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ArtefactError(f"{file} is damaged ({error}); train the model again") from None
