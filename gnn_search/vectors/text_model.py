"""The text tower as a model that needs neither the graph nor this package."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save
from tokenizers import Regex, Tokenizer, normalizers
from torch import Tensor

from gnn_search.errors import ConfigError
from gnn_search.layout import FORMAT_VERSION, write_json
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.text_tower import TextTower
from gnn_search.model.tokens import most_characters, unknown_token
from gnn_search.model.transformer_tower import FrozenTransformer, width, write_transformer
from gnn_search.vectors.pieces import PieceSettings, piece_table, write_text_encoder

_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.StaticEmbedding"},
    {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def write_text_model(folder: Path, tower: TextTower) -> None:
    """Write a folder that encodes texts as the tower does, to unit length.

    Tokens alone become a folder for the packages model2vec and sentence-transformers, a transformer alone one for sentence-transformers. A
    tower with terms, which neither has, becomes a table and the file that reads it (see `TextEncoder`).

    Raises:
        ConfigError: The tower is a sum of a bag and a transformer.
        ArtefactError: The transformer that the tower relies on is gone or changed.
        MissingExtraError: The tower has a transformer, and sentence-transformers is not installed.
    """
    if isinstance(tower, BagTower):
        if tower.hasher is None:
            assert tower.tokenizer is not None
            write_static_model(folder, tower.tokenizer, tower.folded())
        else:
            write_piece_model(folder, tower)
    elif isinstance(tower, FrozenTransformer):
        _write_transformer_model(folder, tower)
    else:
        raise ConfigError(
            "a text tower that adds a transformer to other parts is not written as a folder of its own; export other formats, such as "
            "--format parquet --format faiss, or train with the transformer or the other parts alone in text.parts"
        )


def write_piece_model(folder: Path, tower: BagTower) -> None:
    """Write a folder that `TextEncoder` opens, and a copy of the file that defines it.

    `model.safetensors` holds `pieces`, float32 [vocabulary + buckets, d], of which a text's direction is the plain sum: a row a token, that
    of the unknown one zero, then a row a bucket.
    """
    folder.mkdir()
    config = {"model_type": "gnn-search text encoder", "format_version": FORMAT_VERSION, "normalize": True}
    write_json(folder / "config.json", {**config, **PieceSettings.of(tower).model_dump(mode="json")})
    if tower.tokenizer is not None:
        (folder / "tokenizer.json").write_text(tower.tokenizer.to_str(), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(save({"pieces": piece_table(tower)}))
    write_text_encoder(folder)


def _write_transformer_model(folder: Path, tower: FrozenTransformer) -> None:
    transformer = tower.source.load()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    dense = Dense(width(transformer), tower.projection.out_features, bias=False, activation_function=torch.nn.Identity())
    with torch.no_grad():
        dense.linear.weight.copy_(tower.projection.weight)
    modules = [*transformer.children(), Normalize(), dense, Normalize()]
    write_transformer(SentenceTransformer(modules=modules, device="cpu"), folder)


def write_static_model(folder: Path, tokenizer: Tokenizer, tokens: Tensor) -> None:
    """Write a folder that sentence-transformers loads with `SentenceTransformer(folder)`, and model2vec with `StaticModel.from_pretrained`.

    A text's vector is the mean of its tokens' vectors, scaled to unit length, and zero for a text without a known token. The tower cuts
    long texts to some characters and leaves out what it does not know, as model2vec does; sentence-transformers does neither, so here the
    tokenizer itself cuts, and the unknown token's vector is zero.

    Shapes:
        - tokens: float32 [vocabulary, d], from `BagTower.folded`
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
    (folder / "tokenizer.json").write_text(_cutting(tokenizer).to_str(), encoding="utf-8")
    write_json(folder / "modules.json", _MODULES)
    (folder / "1_Normalize").mkdir()
    write_json(folder / "1_Normalize" / "config.json", {})
    unknown = unknown_token(tokenizer)
    vectors = tokens.clone()
    if unknown is not None:
        vectors[unknown] = 0
    # Not save_file, which makes a file that nobody else may read.
    (folder / "model.safetensors").write_bytes(save({"embeddings": vectors.contiguous()}))


def _cutting(tokenizer: Tokenizer) -> Tokenizer:
    """Return a copy that leaves out what stands behind the characters that count."""
    most = most_characters(tokenizer)
    copy = Tokenizer.from_str(tokenizer.to_str())
    if most is not None:
        cut = normalizers.Replace(Regex(rf"\A[\s\S]{{{most}}}\K[\s\S]+"), "")
        copy.normalizer = cut if copy.normalizer is None else normalizers.Sequence([cut, copy.normalizer])
    return copy
