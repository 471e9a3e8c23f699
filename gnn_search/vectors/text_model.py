"""The text tower as a model that needs neither the graph nor this package."""

from __future__ import annotations

from pathlib import Path

import torch

from gnn_search.model.static_tower import StaticTower
from gnn_search.model.text_tower import TextTower
from gnn_search.model.transformer_tower import FrozenTransformer, width, write_transformer
from gnn_search.vectors.static_model import write_static_model


def write_text_model(folder: Path, tower: TextTower) -> None:
    """Write a folder that encodes texts as the tower does, to unit length.

    A static tower becomes a folder for the model2vec package, a transformer one for the sentence-transformers package.

    Raises:
        ArtefactError: The transformer that the tower relies on is gone or changed.
        MissingExtraError: The tower has a transformer, and sentence-transformers is not installed.
    """
    if isinstance(tower, StaticTower):
        write_static_model(folder, tower.tokenizer, tower.folded())
    else:
        assert isinstance(tower, FrozenTransformer)
        _write_transformer_model(folder, tower)


def _write_transformer_model(folder: Path, tower: FrozenTransformer) -> None:
    transformer = tower.source.load()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    dense = Dense(width(transformer), tower.projection.out_features, bias=False, activation_function=torch.nn.Identity())
    with torch.no_grad():
        dense.linear.weight.copy_(tower.projection.weight)
    modules = [*transformer.children(), Normalize(), dense, Normalize()]
    write_transformer(SentenceTransformer(modules=modules, device="cpu"), folder)
