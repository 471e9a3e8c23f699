"""The text tower as a static model, which needs neither the graph nor this package."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save
from tokenizers import Tokenizer
from torch import Tensor

from gnn_search.layout import write_json


def write_static_model(folder: Path, tokenizer: Tokenizer, tokens: Tensor) -> None:
    """Write a folder that the model2vec package loads with `StaticModel.from_pretrained`.

    A text's vector is the mean of its tokens' vectors, scaled to unit length, and zero for a text without a known token.

    Args:
        folder: Made here.
        tokenizer: Cuts texts into tokens.
        tokens: One vector a token, from `StaticTower.folded`.

    Shapes:
        tokens: float32 [vocabulary, d].
    """
    folder.mkdir()
    truncation = tokenizer.truncation
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "embedding_dtype": "float32",
        "hidden_dim": int(tokens.shape[1]),
        "max_length": None if truncation is None else int(truncation["max_length"]),
        "normalize": True,
    }
    write_json(folder / "config.json", config)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    # Not save_file, which makes a file that nobody else may read.
    (folder / "model.safetensors").write_bytes(save({"embeddings": tokens.contiguous()}))
