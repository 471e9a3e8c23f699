"""Run a sentence-transformers model; the package is imported only here, when one is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from gnn_search.errors import ArtefactError, ConfigError, MissingExtraError
from gnn_search.model.pretrained import hash_folder

_CHUNK = 128


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
        raise ConfigError(f"text.start: {folder} is no folder of a sentence-transformers model; expected modules.json in it")
    for weights in folder.rglob("pytorch_model*.bin"):
        if not list(weights.parent.glob("*.safetensors")):
            raise ConfigError(f"text.start: {weights} is a pickle, which is never read; save the model with safe_serialization=True")
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"text.kind transformer needs {error.name}, which is not installed; run: pip install 'gnn-search[transformer]'"
        ) from None
    logging.disable_progress_bar()
    try:
        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"text.start: the sentence-transformers model in {folder} can't be loaded ({reason})") from None
    model.max_seq_length = max_tokens if model.max_seq_length is None else min(max_tokens, model.max_seq_length)
    return model.eval().float()


def width(model: Any) -> int:
    """Return the dimension of a model's vectors."""
    return int(model.get_embedding_dimension())


def embed(model: Any, texts: Sequence[str]) -> Tensor:
    """Encode texts, with a gradient where gradients are on.

    Texts of like length go together. What a chunk needs for its gradient is computed again on the way back (Chen et al., arXiv
    1604.06174), so memory grows with a chunk and not with the batch.

    Shapes:
        - returns: float32 [n, h], unit length
    """
    order = np.argsort([len(text) for text in texts], kind="stable")
    parts = [torch.zeros((0, width(model)))]
    for start in range(0, len(order), _CHUNK):
        inputs = model.preprocess([texts[place] for place in order[start : start + _CHUNK]])
        if torch.is_grad_enabled():
            parts.append(checkpoint(_forward, model, inputs, use_reentrant=False, preserve_rng_state=False))
        else:
            parts.append(_forward(model, inputs))
    return functional.normalize(torch.cat(parts)[torch.from_numpy(np.argsort(order))], dim=1)


def _forward(model: Any, inputs: dict[str, Any]) -> Tensor:
    return torch.as_tensor(model(dict(inputs))["sentence_embedding"])
