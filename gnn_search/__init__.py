"""Personalised product retrieval over a typed graph of users, queries, products and categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnn_search.requests.request import Request
    from gnn_search.retrieval.retriever import Retriever

__all__ = ["Request", "Retriever", "__version__"]
__version__ = "0.1.0"

_HOMES = {"Request": "gnn_search.requests.parser", "Retriever": "gnn_search.retrieval.retriever"}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: torch and FAISS take seconds, which `gnn-search --help` must not.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
