"""Small model folders with random weights: what they find means nothing, but every part of them counts."""

from __future__ import annotations

from pathlib import Path

import torch
from towers import bag_tower

from gnn_search.config.training import LossSettings, TextPart, TextSettings, TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.model.features import Features
from gnn_search.model.two_tower import TwoTower
from gnn_search.rerank.candidates import partner_relations
from gnn_search.rerank.features import feature_names
from gnn_search.rerank.scorer import RerankScorer
from gnn_search.rerank.word_matches import save_matches
from gnn_search.trained.model import open_model, save_model
from gnn_search.trained.node_embeddings import encode_nodes, save_node_embeddings


def write_model(
    graph: Graph,
    out: Path,
    *,
    seed: int = 0,
    vectors: bool = True,
    reranker: bool = True,
    loss: LossSettings | None = None,
    parts: tuple[TextPart, ...] = ("static", "terms"),
) -> Path:
    """Write a model of dimension 16 for a graph, with the vectors of its nodes."""
    text = TextSettings(parts=parts, vocabulary=200, max_tokens=8, buckets=512, start=None)
    config = TrainingConfig(name="tiny", dimension=16, text=text, loss=loss or LossSettings())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        towers = TwoTower(config, Features(graph), bag_tower(graph, config))
        with torch.no_grad():
            scorer = (
                RerankScorer(len(feature_names(config.reranker, partner_relations(graph))), config.reranker.hidden) if reranker else None
            )
            for parameter in [*towers.parameters(), *(scorer.parameters() if scorer is not None else ())]:
                parameter += 0.2 * torch.randn_like(parameter)
            # As in training, nothing is learned of a query that had led to nothing by then.
            known = graph.before(graph.manifest.validation_start).edges(("product", "rev_leads_to", "query")).degree() > 0
            assert towers.query.id_embedding is not None
            towers.query.id_embedding.weight *= torch.from_numpy(known)[:, None]
    save_model(out, graph, config, towers, scorer, {"steps": 0}, {})
    if vectors:
        model = open_model(out, graph.path)
        save_node_embeddings(model, encode_nodes(model, graph.manifest.test_start))
        save_matches(model.word_matcher.match_queries(), model.layout.word_matches)
    return out
