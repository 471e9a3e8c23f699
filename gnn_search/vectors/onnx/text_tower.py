"""The static text tower as ONNX, its tokenizer beside it."""

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
from gnn_search.model.tokens import most_characters, unknown_token
from gnn_search.trained.model import Model
from gnn_search.vectors.onnx.manifest import TEXT_TOWER, TOKENIZER, TextTowerInfo
from gnn_search.vectors.onnx.network import export_module

_ABOUT = """Texts, cut into tokens, to vectors of length 1.

input_ids and attention_mask are what the tokenizer beside this file gives; a text without a known token has the zero vector."""


class FoldedTower(nn.Module):
    """A static tower that is folded into one vector a token.

    Args:
        tokens: From `BagTower.folded`, float32 [vocabulary, d].
    """

    def __init__(self, tokens: Tensor) -> None:
        super().__init__()
        self.tokens = nn.Parameter(tokens, requires_grad=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode texts.

        Shapes:
            - input_ids, attention_mask: int64 [batch, tokens]
            - returns: float32 [batch, d], unit length, zero for a text without a known token
        """
        return functional.normalize((self.tokens[input_ids] * attention_mask[:, :, None]).sum(dim=1), dim=1)


def write_onnx_text_tower(folder: Path, model: Model) -> TextTowerInfo:
    """Write `text_tower.onnx` and `tokenizer.json`.

    A static tower is linear in the tokens, so one matrix is all that it needs. The direction of a mean is that of the sum, so the token for
    the unknown, which the tower leaves out, is a row of zeros.

    Returns:
        What a server has to know of it.

    Raises:
        ConfigError: The text tower is a transformer, or too large for the format.
        MissingExtraError: The package onnx is not installed.
    """
    tower = model.towers.text
    if not isinstance(tower, BagTower):
        raise ConfigError(
            f"the text tower of {model.path} is a transformer, which is not written as ONNX; leave ONNX out: the export's text_tower is a "
            "sentence-transformers folder, which the optimum package turns into ONNX"
        )
    table, unknown = tower.folded(), unknown_token(tower.tokenizer)
    if unknown is not None:
        table[unknown] = 0
    example = torch.ones(2, 3, dtype=torch.int64), ("batch", "tokens")
    export_module(FoldedTower(table), {"input_ids": example, "attention_mask": example}, ["vector"], folder / TEXT_TOWER, _ABOUT)
    write_json(folder / TOKENIZER, _serving_tokenizer(tower.tokenizer))
    truncation = tower.tokenizer.truncation
    return TextTowerInfo(
        max_tokens=None if truncation is None else int(truncation["max_length"]),
        max_characters=most_characters(tower.tokenizer),
        vocabulary=len(table),
    )


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
