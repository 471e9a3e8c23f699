"""Fit a fusion on validation cases without being fooled by what the reranker remembers of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Float64, Int32, Int64, expand_ranges
from gnn_search.errors import RequestError
from gnn_search.graph.cases import Cases, build_cases, sample_rows
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.fusion.candidates import join_channels
from gnn_search.retrieval.fusion.fit import FusionExamples, fit_weights
from gnn_search.retrieval.fusion.reciprocal_rank import reciprocal_ranks
from gnn_search.retrieval.fusion.weighted_sum import WeightedSum, Weights, channel_features
from gnn_search.retrieval.rankers.build import RERANKED, candidate_index, channel_rankers
from gnn_search.retrieval.rankers.fused import DEPTH
from gnn_search.retrieval.ranking import Ranker, Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests, RequestEncoder
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import encode_nodes
from gnn_search.training.reranker_fit import cross_fit, user_halves

FUSED, RRF = "fused", "rrf"
STAGES = 4
"""Of a fit, as its progress tells them."""


@dataclass(frozen=True, eq=False)
class FusionFit:
    """Fitted weights, and what they reach on users that neither they nor the reranker were fitted on.

    Shapes:
        - user: int32 [cases]
        - new: bool [cases], the query had not been searched before
        - recall: float64 [cases, cut-offs] of each method by name
    """

    weights: Weights
    user: Int32
    new: npt.NDArray[np.bool_]
    recall: Mapping[str, Float64]


def fit_fusion(
    model: Model,
    limit: int,
    k: tuple[int, ...],
    seed: int = 0,
    *,
    parts: Sequence[str] = (),
    progress: Callable[[str], None] = lambda stage: None,
) -> FusionFit:
    """Fit the weights of a model's channels on validation cases.

    The reranker was fitted on cases of this period and looks better on them than it is. So it is fitted anew on either half of the
    users, and ranks for the other half. What a fusion reaches is measured with weights fitted on the one half for the other as well; the
    weights that are returned are fitted on both.

    Args:
        model: The model.
        limit: Most cases to fit and measure on, drawn from those that the reranker is fitted on.
        k: Cut-offs to measure recall at.
        seed: Of the draw.
        parts: The channels that are fused by weights; by default all.
        progress: Told of each of the four stages as it begins.

    Raises:
        RequestError: The model has no such channel.
    """
    config = model.config
    cases = build_cases(model.graph, "validation", config.reranker.cases, config.seed)
    sampled = sample_rows(len(cases), limit, seed)
    lists = _lists(model, cases, sampled, progress)
    progress("fitting weights")
    missing = [name for name in parts if name not in lists]
    if missing:
        raise RequestError(f"the model {model.path} has no channel {missing[0]}; there are {', '.join(lists)}")
    fused = {name: ranking for name, ranking in lists.items() if not parts or name in parts}
    candidates = join_channels(fused)
    owner, product = _relevant(cases, sampled)
    relevant = np.isin(_key(candidates.row, candidates.product), _key(owner, product))
    features = np.concatenate([channel_features(candidates, name) for name in fused]).T
    examples = FusionExamples(tuple(fused), candidates.row, features, relevant)
    half = user_halves(cases, config.seed)[sampled]
    score = np.zeros(len(candidates.row))
    for fitted in (0, 1):
        held_out = half[candidates.row] != fitted
        score[held_out] = WeightedSum(fit_weights(examples.of(half == fitted)))(candidates)[held_out]
    single = join_channels({name: ranking for name, ranking in lists.items() if name != RERANKED})
    lists |= {RRF: single.best(reciprocal_ranks(single), max(k)), FUSED: candidates.best(score, max(k))}
    view = model.graph.before(cases.time)
    seen = view.edges(("product", "rev_leads_to", "query")).degree()
    return FusionFit(
        weights=fit_weights(examples),
        user=cases.user[sampled],
        new=seen[cases.query[sampled]] == 0,
        recall={name: _recall(ranking, owner, product, k) for name, ranking in lists.items()},
    )


def _lists(model: Model, cases: Cases, sampled: Int64, progress: Callable[[str], None]) -> dict[str, Ranking]:
    """Rank for some cases by each channel, candidates by the scorer that has not seen the case's user."""
    progress("encoding the shop")
    embeddings = encode_nodes(model, cases.time)
    encoder, index = RequestEncoder(model, embeddings), FlatIndex.build(embeddings.vectors["product"])
    depth = min(DEPTH, index.count)
    requests = encoder.encode_nodes(cases.user[sampled], cases.query[sampled])
    candidates = candidate_index(model, embeddings, encoder)
    if candidates is None:
        progress("ranking")
        return {name: ranker.rank(requests, depth) for name, ranker in channel_rankers(model, index, None).items()}
    progress("fitting the reranker on halves")
    scorers = cross_fit(model.config, encoder.nodes, candidates, cases)
    progress("ranking")
    fitted = [channel_rankers(replace(model, reranker=scorer), index, candidates) for scorer in scorers]
    half = user_halves(cases, model.config.seed)[sampled]
    return {name: _rank_halves([rankers[name] for rankers in fitted], requests, half, depth) for name in fitted[0]}


def _rank_halves(rankers: Sequence[Ranker], requests: EncodedRequests, half: Int64, k: int) -> Ranking:
    """Rank each request by the ranker that was fitted on the other half."""
    product, score = np.empty((len(half), k), np.int32), np.empty((len(half), k), np.float32)
    for fitted, ranker in enumerate(rankers):
        held_out = np.flatnonzero(half != fitted)
        found = ranker.rank(requests.take(held_out), k)
        product[held_out], score[held_out] = found.product, found.score
    return Ranking(product, score)


def _relevant(cases: Cases, sampled: Int64) -> tuple[Int64, Int32]:
    """Return the relevant products of some cases, and the place of their case among these."""
    owner, position = expand_ranges(cases.indptr[sampled], cases.indptr[sampled + 1])
    return owner, cases.product[position]


def _key(row: Int64, product: Int32) -> Int64:
    return (row.astype(np.int64) << 32) + product


def _recall(ranking: Ranking, owner: Int64, product: Int32, k: tuple[int, ...]) -> Float64:
    """Return the share of each case's products among the first places: float64 [cases, cut-offs]."""
    row = np.arange(len(ranking.product))[:, None]
    hit = np.isin(_key(row, ranking.product), _key(owner, product))
    wanted = np.bincount(owner, minlength=len(hit))
    return np.stack([hit[:, :places].sum(axis=1) / wanted for places in k], axis=1)
