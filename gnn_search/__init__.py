"""Personalised product retrieval over a typed graph of users, queries, products and categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnn_search.config.recipe import Recipe
    from gnn_search.config.training import TrainingConfig
    from gnn_search.errors import (
        ArtefactError,
        ConfigError,
        DivergenceError,
        GnnSearchError,
        MissingExtraError,
        OutputExistsError,
        RequestError,
        TableError,
        TaxonomyError,
    )
    from gnn_search.evaluation.evaluate_model import evaluate_model as evaluate
    from gnn_search.graph.build import build_graph
    from gnn_search.graph.describe import inspect_graph
    from gnn_search.graph.store import Graph
    from gnn_search.requests.request import Request
    from gnn_search.retrieval.options import RankingOptions
    from gnn_search.retrieval.results import SearchResult
    from gnn_search.retrieval.retrieve import retrieve
    from gnn_search.retrieval.retriever import Retriever
    from gnn_search.trained.model import Model, open_model
    from gnn_search.training.fit import train_model as train

__all__ = [
    "ArtefactError",
    "ConfigError",
    "DivergenceError",
    "GnnSearchError",
    "Graph",
    "MissingExtraError",
    "Model",
    "OutputExistsError",
    "RankingOptions",
    "Recipe",
    "Request",
    "RequestError",
    "Retriever",
    "SearchResult",
    "TableError",
    "TaxonomyError",
    "TrainingConfig",
    "__version__",
    "build_graph",
    "evaluate",
    "inspect_graph",
    "open_model",
    "retrieve",
    "train",
]
__version__ = "0.2.0"

_HOMES = {
    "Graph": "graph.store:Graph",
    "Model": "trained.model:Model",
    "RankingOptions": "retrieval.options:RankingOptions",
    "Recipe": "config.recipe:Recipe",
    "Request": "requests.request:Request",
    "Retriever": "retrieval.retriever:Retriever",
    "SearchResult": "retrieval.results:SearchResult",
    "TrainingConfig": "config.training:TrainingConfig",
    "build_graph": "graph.build:build_graph",
    "evaluate": "evaluation.evaluate_model:evaluate_model",
    "inspect_graph": "graph.describe:inspect_graph",
    "open_model": "trained.model:open_model",
    "retrieve": "retrieval.retrieve:retrieve",
    "train": "training.fit:train_model",
}
"""Where each public name is defined, as `module:name`; a name that ends in Error is in `errors`."""


def __getattr__(name: str) -> Any:
    # Imported on first use: torch and FAISS take seconds, which `gnn-search --help` must not.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, _, attribute = _HOMES.get(name, f"errors:{name}").partition(":")
    value = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
