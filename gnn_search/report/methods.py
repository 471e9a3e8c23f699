"""Which of a run's methods is the model, which are parts of it, and which are others."""

from __future__ import annotations

from gnn_search.errors import RequestError
from gnn_search.evaluation.result import Evaluation

WITHOUT_USER = "no user"
"""After the model's name: the same without the shopper."""


def subject(evaluation: Evaluation) -> str:
    """Return the method that the others are measured against.

    Raises:
        RequestError: There is none.
    """
    if evaluation.reference is None:
        graph = evaluation.graph
        raise RequestError(f"the run of graph '{graph}' tests no method against the others; make it with 'gnn-search evaluate --out'")
    return evaluation.reference


def is_part(evaluation: Evaluation, method: str) -> bool:
    """Say whether a method is the model with something left away."""
    return method.startswith(f"{subject(evaluation)}, ")


def others(evaluation: Evaluation) -> list[str]:
    """Return the methods that are neither the model nor a part of it: what it has to beat."""
    return [name for name in evaluation.methods if name != subject(evaluation) and not is_part(evaluation, name)]


def without_user(evaluation: Evaluation) -> str | None:
    """Return the name of the model without the shopper, where it was measured."""
    name = f"{subject(evaluation)}, {WITHOUT_USER}"
    return name if name in evaluation.methods else None


_PARTS = {
    "": "the model: vectors and walks together, for the shopper who asks",
    ", vectors": "the model's vectors alone",
    ", walk": "the model's walk term alone: what the graph says directly of shopper, query and product",
    f", {WITHOUT_USER}": "the model as if nobody were known to ask",
}
_BASELINES = {
    "popularity": "the products that everybody chose most",
    "query_popularity": "the products chosen most for the query",
    "recent_query_popularity": "the products chosen most for the query, where a recent choice counts more",
    "own_history": "the shopper's own products that fit the query, by times chosen; then those chosen most for the query",
    "recent_history": "own choices and popularity for the query weighed against each other, both by recency; tuned",
    "bm25": "words of title, brand and category path, by BM25",
    "query_popularity_then_bm25": "the products chosen most for the query, then BM25",
    "lightgcn": "LightGCN over shoppers, queries and products",
    "minilm": "all-MiniLM-L6-v2 as it is: text alone",
}


def in_words(evaluation: Evaluation, method: str) -> str:
    """Say what a method ranks by."""
    name = subject(evaluation)
    if method == name or is_part(evaluation, method):
        return _PARTS.get(method.removeprefix(name), "the model with a part left away")
    return _BASELINES.get(method, "another trained model, by its vectors")
