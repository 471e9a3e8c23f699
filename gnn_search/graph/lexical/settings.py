"""What a graph's recipe says of its texts."""

from __future__ import annotations

from gnn_search.config.lexical import LexicalSettings
from gnn_search.graph.store import Graph


def lexical_settings(graph: Graph) -> LexicalSettings:
    """Return how the texts of a graph are read and matched; a graph built before there were such keys has their defaults."""
    recipe = graph.manifest.recipe
    return LexicalSettings.model_validate({name: recipe[name] for name in LexicalSettings.model_fields if name in recipe})
