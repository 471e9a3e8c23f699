"""The versions of the libraries that an artefact was made with."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import gnn_search

_LIBRARIES = ("torch", "torch-geometric", "faiss-cpu", "polars", "tokenizers", "numpy")


def library_versions() -> dict[str, str]:
    """Return the versions of the package and of the libraries that shape its results."""
    found = {"gnn-search": gnn_search.__version__}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
