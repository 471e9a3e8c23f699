"""A sentence-transformers folder with a tiny random BERT, made on the spot."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
import torch

WIDTH = 12


def write_tiny_transformer(folder: Path, seed: int = 0) -> Path:
    """Write the folder, or skip the test where the extra `transformer` is not installed."""
    reason = "needs the extra transformer: pip install 'gnn-search[transformer]'"
    sentence_transformers = pytest.importorskip("sentence_transformers", reason=reason)
    transformers = pytest.importorskip("transformers", reason=reason)
    modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules", reason=reason)
    transformers.utils.logging.disable_progress_bar()
    characters = string.ascii_lowercase + string.digits
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{character}" for character in characters)]
    bert = folder.parent / f"{folder.name}_bert"
    bert.mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        settings = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
        config = transformers.BertConfig(vocab_size=len(vocabulary), max_position_embeddings=40, initializer_range=0.5, **settings)
        model = transformers.BertModel(config)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight *= 5  # else all texts would be much alike
    model.save_pretrained(bert)
    transformers.BertTokenizer(vocab=str(bert / "vocab.txt")).save_pretrained(bert)
    parts = [modules.Transformer(str(bert)), modules.Pooling(WIDTH)]
    sentence_transformers.SentenceTransformer(modules=parts, device="cpu").save(str(folder), create_model_card=False)
    return folder
