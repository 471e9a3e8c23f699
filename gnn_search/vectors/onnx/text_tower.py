"""The bag of pieces as ONNX, what cuts texts into pieces beside it."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.errors import ConfigError
from gnn_search.layout import write_json
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.transformer_tower import FrozenTransformer
from gnn_search.trained.model import Model
from gnn_search.vectors.onnx.manifest import TEXT_TOWER, TOKENIZER
from gnn_search.vectors.onnx.network import export_module
from gnn_search.vectors.pieces import PieceSettings, piece_table, write_text_encoder

_ABOUT = """Texts, cut into pieces, to vectors of length 1.

input_ids and attention_mask are what text_encoder.py beside this file gives; a text without a known piece has the zero vector."""


class FoldedTower(nn.Module):
    """A bag of pieces that is folded into one vector a piece.

    Args:
        pieces: From `piece_table`, float32 [vocabulary + buckets, d].
    """

    def __init__(self, pieces: Tensor) -> None:
        super().__init__()
        self.pieces = nn.Parameter(pieces, requires_grad=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode texts.

        Shapes:
            - input_ids, attention_mask: int64 [batch, pieces]
            - returns: float32 [batch, d], unit length, zero for a text without a known piece
        """
        return functional.normalize((self.pieces[input_ids] * attention_mask[:, :, None]).sum(dim=1), dim=1)


def write_onnx_text_tower(folder: Path, model: Model) -> PieceSettings:
    """Write `text_tower.onnx`, `text_encoder.py`, which makes its inputs, and `tokenizer.json` where there are tokens.

    The tower is linear in the pieces, so one matrix is all that it needs.

    Returns:
        What a server has to know of it.

    Raises:
        ConfigError: The text tower has a transformer, or is too large for the format.
        MissingExtraError: The package onnx is not installed.
    """
    tower = model.towers.text
    if not isinstance(tower, BagTower):
        advice = (
            ": the export's text_tower is a sentence-transformers folder, which the optimum package turns into ONNX"
            if isinstance(tower, FrozenTransformer)
            else ", or train without the transformer"
        )
        raise ConfigError(f"the text tower of {model.path} has a transformer, which is not written as ONNX; leave ONNX out{advice}")
    example = torch.ones(2, 3, dtype=torch.int64), ("batch", "pieces")
    tower_inputs = {"input_ids": example, "attention_mask": example}
    export_module(FoldedTower(piece_table(tower)), tower_inputs, ["vector"], folder / TEXT_TOWER, _ABOUT)
    if tower.tokenizer is not None:
        write_json(folder / TOKENIZER, _serving_tokenizer(tower.tokenizer))
    write_text_encoder(folder)
    return PieceSettings.of(tower)


def _serving_tokenizer(tokenizer: Tokenizer) -> dict[str, object]:
    """Return a tokenizer's JSON that pads a batch to its longest text and adds no tokens of its own."""
    content: dict[str, object] = json.loads(tokenizer.to_str())
    content["post_processor"] = None
    content["padding"] = {
        "strategy": "BatchLongest",
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": tokenizer.id_to_token(0),
    }
    return content
