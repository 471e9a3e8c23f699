"""Make the ranker that options ask for, and all of a model's for evaluation."""

from __future__ import annotations

import polars as pl

from gnn_search.arrays import Int32
from gnn_search.index.base import ProductIndex
from gnn_search.index.boosting.boost import Boost, boosted_products
from gnn_search.index.flat import FlatIndex
from gnn_search.rerank.candidates import CandidateIndex
from gnn_search.retrieval.fusion.rules import WeightedSum, Weights, reciprocal_ranks
from gnn_search.retrieval.options import RankingOptions
from gnn_search.retrieval.rankers.candidate_rankers import GraphRanker, RerankedRanker
from gnn_search.retrieval.rankers.fused import FusedRanker
from gnn_search.retrieval.rankers.lexical import LexicalRanker
from gnn_search.retrieval.rankers.vector import VectorRanker
from gnn_search.retrieval.ranking import CaseRanker, Ranker, Ranking
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings

RERANKED, GRAPH, VECTOR, LEXICAL = "reranked", "graph", "vector", "lexical"
MODEL_NAME = "gnn-search"
"""What tables call a model's best channel; the others add their own name to it."""
VECTORS_METHOD, GRAPH_METHOD, NO_USER_METHOD = f"{MODEL_NAME}, vectors", f"{MODEL_NAME}, graph", f"{MODEL_NAME}, no user"


def build_ranker(model: Model, embeddings: NodeEmbeddings, encoder: RequestEncoder, options: RankingOptions) -> Ranker:
    """Make the ranker that options ask for. A model without a reranker is ranked by its vectors, and its vectors and words are fused.

    Raises:
        RequestError: The model can't serve the options, or they don't go together.
    """
    options.check(model)
    products = embeddings.vectors["product"]
    boost, index = _used_boost(options, encoder), options.index
    if index is None:
        index = FlatIndex.build(products if boost is None else boosted_products(products, boost))
    if options.channel == VECTOR:
        return VectorRanker(index, products.shape[1], boost, options.action)
    rankers = channel_rankers(model, index, candidate_index(model, embeddings, encoder))
    if options.channel in ("fused", "rrf"):
        return fuse(index, rankers, options.weights)
    return rankers.get(options.channel, rankers[VECTOR])


def candidate_index(model: Model, embeddings: NodeEmbeddings, encoder: RequestEncoder) -> CandidateIndex | None:
    """Return what the graph says of users, queries and products as of the encoder's time; None for a model without a reranker."""
    if model.reranker is None:
        return None
    nodes = encoder.nodes
    return CandidateIndex(nodes.view, model.config.reranker, model.inputs.history, nodes.categories, embeddings.factors)


def channel_rankers(model: Model, index: ProductIndex, candidates: CandidateIndex | None) -> dict[str, Ranker]:
    """Return the rankers of a model's single channels, by name."""
    rankers: dict[str, Ranker] = {}
    if candidates is not None:
        assert model.reranker is not None
        assert isinstance(index, FlatIndex)  # An approximate one can't tell what a product left out may score.
        rankers[RERANKED] = RerankedRanker(index, candidates, model.word_matcher, model.reranker)
        rankers[GRAPH] = GraphRanker(index, candidates, model.word_matcher, model.reranker)
    return {**rankers, VECTOR: VectorRanker(index, model.manifest.dimension), LEXICAL: LexicalRanker(index, model.word_matcher)}


def fuse(index: ProductIndex, rankers: dict[str, Ranker], weights: Weights | None) -> FusedRanker:
    """Fuse channels: by weights those that have one, else all but the reranked one, which knows the others, by reciprocal ranks."""
    if weights is not None:
        return FusedRanker(index, {name: ranker for name, ranker in rankers.items() if name in weights.channels}, WeightedSum(weights))
    return FusedRanker(index, {name: ranker for name, ranker in rankers.items() if name != RERANKED}, reciprocal_ranks)


class ModelCaseRanker:
    """One of a model's channels as a method of evaluation."""

    def __init__(self, name: str, encoder: RequestEncoder, ranker: Ranker) -> None:
        self.name, self.encoder, self.ranker = name, encoder, ranker

    def rank(self, user: Int32, query: Int32, k: int, allowed: Int32 | None = None) -> Ranking:
        """See `CaseRanker.rank`, and `Ranker.rank` for the products that are allowed."""
        return self.ranker.rank(self.encoder.encode_nodes(user, query), k, allowed)

    def rank_texts(self, user: Int32, texts: pl.Series, k: int) -> Ranking:
        """See `TextCaseRanker.rank_texts`."""
        return self.ranker.rank(self.encoder.encode(user, texts), k)


def best_case_ranker(model: Model, embeddings: NodeEmbeddings) -> ModelCaseRanker:
    """Return a model's best channel as a method of evaluation: reranked, or by vectors where it has no reranker."""
    encoder = RequestEncoder(model, embeddings)
    return ModelCaseRanker(MODEL_NAME, encoder, build_ranker(model, embeddings, encoder, RankingOptions()))


def vector_case_ranker(model: Model, embeddings: NodeEmbeddings, name: str) -> ModelCaseRanker:
    """Return a model's vectors alone as a method of evaluation."""
    encoder = RequestEncoder(model, embeddings)
    return ModelCaseRanker(name, encoder, build_ranker(model, embeddings, encoder, RankingOptions("vector")))


def model_case_rankers(model: Model, embeddings: NodeEmbeddings, weights: Weights | None = None) -> list[CaseRanker]:
    """Return all of a model's channels as methods of evaluation: the best first, its parts alone, and the best without the user.

    With the weights of a fusion also the words alone, and all channels fused by reciprocal ranks and by these weights.
    """
    encoder, plain = RequestEncoder(model, embeddings), RequestEncoder(model, embeddings, personal=False)
    index = FlatIndex.build(embeddings.vectors["product"])
    rankers = channel_rankers(model, index, candidate_index(model, embeddings, encoder))
    parts = [(MODEL_NAME, RERANKED), (VECTORS_METHOD, VECTOR), (GRAPH_METHOD, GRAPH)]
    named = parts if RERANKED in rankers else [(MODEL_NAME, VECTOR)]
    methods: list[CaseRanker] = [ModelCaseRanker(name, encoder, rankers[channel]) for name, channel in named]
    methods.append(ModelCaseRanker(NO_USER_METHOD, plain, rankers.get(RERANKED, rankers[VECTOR])))
    if weights is not None:
        methods.append(ModelCaseRanker(f"{MODEL_NAME}, lexical", encoder, rankers[LEXICAL]))
        methods.append(ModelCaseRanker(f"{MODEL_NAME}, rrf", encoder, fuse(index, rankers, None)))
        methods.append(ModelCaseRanker(f"{MODEL_NAME}, fused", encoder, fuse(index, rankers, weights)))
    return methods


def _used_boost(options: RankingOptions, encoder: RequestEncoder) -> Boost | None:
    """Return the boost as of the encoder's time; None where its weights are 0 and no index holds qualities: not a bit may change then."""
    boost = options.boost
    if boost is None:
        return None
    weighed = boost.weights_of(options.action).any()
    return boost.at(encoder.nodes.view) if weighed or options.index is not None else None
