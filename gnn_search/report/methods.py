"""Tell the methods of a run apart: the model, its channels, and the others."""

from __future__ import annotations

from gnn_search.errors import RequestError
from gnn_search.evaluation.result import Evaluation

WITHOUT_USER = "no user"
"""After the model's name: the same without the user."""


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
    """Say whether a method is one channel of the model, or the model without the user."""
    return method.startswith(f"{subject(evaluation)}, ")


def others(evaluation: Evaluation) -> list[str]:
    """Return the methods that are neither the model nor a part of it: those it has to beat."""
    return [name for name in evaluation.methods if name != subject(evaluation) and not is_part(evaluation, name)]


def without_user(evaluation: Evaluation) -> str | None:
    """Return the name of the model without the user, where it was measured."""
    name = f"{subject(evaluation)}, {WITHOUT_USER}"
    return name if name in evaluation.methods else None


_PARTS = {
    "": "the model: candidates by vectors and from the graph, reranked, for the user who searches",
    ", vectors": "the model's vectors alone",
    ", graph": "the graph channel alone: candidates from the graph, scored by the reranker without vectors",
    f", {WITHOUT_USER}": "the model for an anonymous user",
    ", lexical": "the words of the products' texts alone, by BM25 over their fields",
    ", rrf": "the channels fused by reciprocal ranks",
    ", fused": "the channels fused by fitted weights",
}
_BASELINES = {
    "popularity": "the most popular products overall",
    "query_popularity": "the most popular products for the query",
    "recent_query_popularity": "the most popular products for the query, where recent interactions count more",
    "own_history": "the user's own past products that fit the query, by frequency; then the most popular ones for the query",
    "recent_history": "a tuned blend of the user's own past products and popularity for the query, both by recency",
    "bm25": "the words of the products' texts, by stem, synonym and likely spelling, by BM25 over their fields",
    "query_popularity_then_bm25": "the most popular products for the query, then BM25",
    "lightgcn": "LightGCN over users, queries and products",
    "minilm": "all-MiniLM-L6-v2 as it is: text alone",
}


def describe_method(evaluation: Evaluation, method: str) -> str:
    """Say what a method ranks by."""
    name = subject(evaluation)
    if method == name or is_part(evaluation, method):
        return _PARTS.get(method.removeprefix(name), "the model with a part left out")
    return _BASELINES.get(method, "another trained model, by its vectors")
