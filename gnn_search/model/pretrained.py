"""Pre-trained weights: find them, hash them, and project their vectors to another dimension."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from gnn_search.errors import ConfigError
from gnn_search.layout import hash_files

_PARTS = {".json", ".safetensors", ".txt", ".model"}


def locate(reference: str) -> Path:
    """Return the file or folder that a reference names.

    Args:
        reference: A path, or `package:path`, a path inside an installed Python package, which is not imported.

    Raises:
        ConfigError: There is none.
    """
    path = Path(reference).expanduser()
    if path.exists():
        return path
    package, colon, inside = reference.partition(":")
    if not (colon and package.isidentifier()):
        raise ConfigError(f"text.start names {reference}, which does not exist; give a path, or package:path inside an installed package")
    spec = find_spec(package)
    roots = [] if spec is None else list(spec.submodule_search_locations or [])
    if not roots:
        raise ConfigError(f"text.start names {reference}, but no Python package {package} is installed; run: pip install {package}")
    for root in roots:
        if (Path(root) / inside).exists():
            return Path(root) / inside
    raise ConfigError(f"text.start names {reference}, but the package {package} in {roots[0]} holds no {inside}")


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
