"""Pre-trained weights: find them, hash them, read a static model, and project vectors to another dimension."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer, normalizers
from torch import Tensor

from gnn_search.config.training import StaticFiles
from gnn_search.errors import ConfigError
from gnn_search.layout import hash_files

_PARTS = {".json", ".safetensors", ".txt", ".model"}
_PLACES = ("", "0_StaticEmbedding")
_TABLES = ("embeddings", "embedding.weight")


def locate(reference: str, key: str) -> Path:
    """Return the file or folder that a reference names.

    Args:
        reference: A path, or `package:path`, a path inside an installed Python package, which is not imported.
        key: The setting that holds it, for messages.

    Raises:
        ConfigError: There is none.
    """
    path = Path(reference).expanduser()
    if path.exists():
        return path
    package, colon, inside = reference.partition(":")
    if not (colon and package.isidentifier()):
        raise ConfigError(f"{key} names {reference}, which does not exist; give a path, or package:path inside an installed package")
    spec = find_spec(package)
    roots = [] if spec is None else list(spec.submodule_search_locations or [])
    if not roots:
        raise ConfigError(f"{key} names {reference}, but no Python package {package} is installed; run: pip install {package}")
    for root in roots:
        if (Path(root) / inside).exists():
            return Path(root) / inside
    raise ConfigError(f"{key} names {reference}, but the package {package} in {roots[0]} holds no {inside}")


def hash_folder(folder: Path) -> str:
    """Return one hash over the weights, tokenizers and settings in a folder; what documents it may change."""
    return hash_files(sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _PARTS))


def principal_projection(vectors: Tensor, dimension: int) -> Tensor:
    """Return the linear map to fewer dimensions that keeps most of the vectors' squared length, or to more that keeps all of it.

    The directions are those of the largest eigenvalues of the second moment. The map also scales the vectors to a mean squared length of
    1.

    Shapes:
        - vectors: float32 [n, h]
        - returns: float32 [dimension, h]
    """
    exact = vectors.double()
    values, directions = torch.linalg.eigh(exact.T @ exact / max(len(exact), 1))
    kept = directions.flip(1)[:, :dimension].T
    # An eigenvector's sign is free; one rule for it makes the map the same everywhere.
    largest = kept.gather(1, kept.abs().argmax(dim=1, keepdim=True))
    scale = values.flip(0)[:dimension].sum().clamp(min=1e-12) ** -0.5
    projection = exact.new_zeros((dimension, exact.shape[1]))
    projection[: len(kept)] = kept * torch.sign(largest) * scale
    return projection.float()


def read_static_model(start: str | StaticFiles, max_tokens: int) -> tuple[Tokenizer, Tensor]:
    """Read a static model, and scale its vectors to a mean squared length of 1.

    Queries are lower-case, so the tokenizer is made to lower all texts first.

    Args:
        start: The folder of a Model2Vec or sentence-transformers StaticEmbedding model, or its two files.
        max_tokens: Tokens of a text that count.

    Shapes:
        - returns: the table as float32 [vocabulary, h]

    Raises:
        ConfigError: It is none.
    """
    tokenizer_file, table_file = _files(start)
    tokenizer = _read_tokenizer(tokenizer_file)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    lower = normalizers.Lowercase()
    tokenizer.normalizer = lower if tokenizer.normalizer is None else normalizers.Sequence([lower, tokenizer.normalizer])
    table = _read_table(table_file, tokenizer.get_vocab_size())
    return tokenizer, table / table.square().sum(dim=1).mean().sqrt().clamp(min=1e-12)


def _files(start: str | StaticFiles) -> tuple[Path, Path]:
    if isinstance(start, StaticFiles):
        return locate(start.tokenizer, "text.start.tokenizer"), locate(start.table, "text.start.table")
    folder = locate(start, "text.start")
    for place in _PLACES:
        files = folder / place / "tokenizer.json", folder / place / "model.safetensors"
        if all(file.is_file() for file in files):
            return files
    raise ConfigError(
        f"text.start: {folder} is no folder of a static model; expected tokenizer.json and model.safetensors in it or in its folder "
        "0_StaticEmbedding, or give the two files as text.start.tokenizer and text.start.table"
    )


def _read_tokenizer(file: Path) -> Tokenizer:
    try:
        return Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:
        # The library raises plain `Exception` and nothing more precise.
        if type(error) is not Exception and not isinstance(error, OSError | UnicodeDecodeError):
            raise
        raise ConfigError(f"text.start: {file} is no tokenizer of the tokenizers library ({error})") from None


def _read_table(file: Path, vocabulary: int) -> Tensor:
    """Return the plain vector of each token: its row of the table, by the mapping where there is one, times its weight."""
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"text.start: {file} is no safetensors file ({error})") from None
    name = next((name for name in _TABLES if name in tensors and tensors[name].ndim == 2), None)
    if name is None:
        raise ConfigError(
            f"text.start: {file} holds no table of a static model: expected a matrix {' or '.join(_TABLES)}, got {sorted(tensors)[:4]}"
        )
    table = tensors[name].float()
    mapping, weights = tensors.get("mapping"), tensors.get("weights")
    if mapping is not None and (int(mapping.min()) < 0 or int(mapping.max()) >= len(table)):
        raise ConfigError(f"text.start: the mapping in {file} points outside its table of {len(table):,} rows")
    if mapping is not None:
        table = table[mapping.long()]
    if len(table) < vocabulary or (weights is not None and len(weights) < vocabulary):
        held = len(table) if weights is None else min(len(table), len(weights))
        raise ConfigError(
            f"text.start: {file} holds vectors of {held:,} tokens, its tokenizer {vocabulary:,} tokens; they are of two models"
        )
    table = table[:vocabulary]
    if weights is not None:
        table = table * weights[:vocabulary].float()[:, None]
    if not torch.isfinite(table).all():
        raise ConfigError(f"text.start: the table in {file} holds values that are not finite")
    return table
