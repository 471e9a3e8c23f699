"""The four ways through the package, each as one call on a tiny shop: a build, a training batch, a search, an evaluation case."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # when run outside pytest

import torch  # noqa: F401  (before FAISS)
from models import write_model
from shops import build, write_tiny_shop
from towers import tiny_config
from tracing import Trace, trace_calls

import gnn_search
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.graph.cases import build_cases
from gnn_search.graph.store import Graph
from gnn_search.retrieval.rankers.build import best_case_ranker
from gnn_search.sampling.batches import BatchSampler
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


def traces(folder: Path) -> dict[str, Trace]:
    """Build a tiny shop with a model in a folder and trace the four ways; what is opened once is opened before."""
    recipe = write_tiny_shop(folder / "shop")
    built = trace_calls(lambda: build(recipe, folder / "graph"))
    graph = Graph.open(folder / "graph")
    path = write_model(graph, folder / "model")
    sampler = BatchSampler(graph, tiny_config())
    retriever = gnn_search.Retriever.load(path, graph.path)
    model = open_model(path, graph.path)
    ranker = best_case_ranker(model, open_node_embeddings(model))
    user, query = graph.nodes("user")["user_id"][0], graph.nodes("query")["query"][0]
    return {
        "build": built,
        "batch": trace_calls(lambda: sampler.make(0, 0)),
        "search": trace_calls(lambda: retriever.search(query, user_id=user)),
        "case": trace_calls(lambda: evaluate(build_cases(graph, limit=1), [ranker], graph, k=(10,), n_resamples=10)),
    }
