"""Fit the weights of a fusion on validation cases, without being fooled by what the reranker remembers of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from gnn_search.arrays import Float64, Int32, Int64, expand_ranges
from gnn_search.errors import RequestError
from gnn_search.graph.cases import Cases, build_cases, sample_rows
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.fusion.candidates import join_channels
from gnn_search.retrieval.fusion.rules import FEATURES, ChannelWeights, WeightedSum, Weights, channel_features, reciprocal_ranks
from gnn_search.retrieval.rankers.build import RERANKED, candidate_index, channel_rankers
from gnn_search.retrieval.rankers.fused import DEPTH
from gnn_search.retrieval.ranking import Ranker, Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests, RequestEncoder
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import encode_nodes
from gnn_search.training.reranker_fit import cross_fit, user_halves

_STRENGTH = 1e-3
"""Of the penalty on squared weights of features with a deviation of 1: it decides between features that say the same."""

FUSED, RRF = "fused", "rrf"
STAGES = 4
"""Of a fit, as its progress reports them."""


@dataclass(frozen=True, eq=False)
class FusionExamples:
    """Candidates of cases, and which of them are relevant.

    Shapes:
        row: int64 [candidates], the case, ascending; features: float64 [candidates, channels * features]; relevant: bool [candidates].
    """

    channels: Sequence[str]
    row: Int64
    features: Float64
    relevant: npt.NDArray[np.bool_]

    def of(self, cases: npt.NDArray[np.bool_]) -> FusionExamples:
        """Return the candidates of some cases, bool [cases]."""
        kept = cases[self.row]
        return FusionExamples(self.channels, self.row[kept], self.features[kept], self.relevant[kept])


def fit_weights(examples: FusionExamples) -> Weights:
    """Fit weights so that each relevant candidate stands above all others of its case.

    The mean over cases of the softmax loss of each relevant candidate against the others, with a small penalty on squared weights;
    convex, so there is one best answer. Cases of which no candidate or every candidate is relevant teach nothing; without any other all
    weights are 0.
    """
    kept = _teaching(examples)
    row = np.unique(examples.row[kept], return_inverse=True)[1]
    features, relevant = examples.features[kept], examples.relevant[kept]
    deviation = features.std(axis=0) if len(row) else np.ones(features.shape[1])
    scaled = features / np.where(deviation > 1e-9, deviation, np.inf)
    problem = _Problem(row, scaled, relevant)
    start = np.zeros(features.shape[1])
    found = minimize(problem.loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x if len(row) else start
    weights = found / np.where(deviation > 1e-9, deviation, np.inf)
    per_channel = weights.reshape(len(examples.channels), len(FEATURES)).tolist()
    return Weights(
        channels={
            name: ChannelWeights(**dict(zip(FEATURES, values, strict=True)))
            for name, values in zip(examples.channels, per_channel, strict=True)
        }
    )


class _Problem:
    """The loss and its gradient.

    Shapes:
        row: int64 [n], ascending, without gaps; features: float64 [n, columns]; relevant: bool [n].
    """

    def __init__(self, row: Int64, features: Float64, relevant: npt.NDArray[np.bool_]) -> None:
        self._row, self._features, self._relevant = row, features, relevant
        self._starts = np.searchsorted(row, np.arange(row[-1] + 1)) if len(row) else np.empty(0, np.int64)
        positives = np.add.reduceat(relevant.astype(np.float64), self._starts) if len(row) else np.empty(0)
        self._share = np.where(relevant, 1 / (positives[row] * max(len(positives), 1)), 0.0)

    def loss(self, weights: Float64) -> tuple[float, Float64]:
        score = self._features @ weights
        others = np.where(self._relevant, -np.inf, score)
        most = np.maximum.reduceat(others, self._starts)
        against = np.exp(others - most[self._row])
        total = np.add.reduceat(against, self._starts)
        gap = (most + np.log(total))[self._row] - score
        # softplus, and its derivative, the sigmoid.
        loss = np.sum(self._share * np.logaddexp(0, np.where(self._relevant, gap, 0)))
        push = self._share * np.where(self._relevant, 1 / (1 + np.exp(-np.clip(gap, -500, 500))), 0)
        pushed = np.add.reduceat(push, self._starts)
        slope = against * (pushed / total)[self._row] - push
        return float(loss + _STRENGTH * weights @ weights), self._features.T @ slope + 2 * _STRENGTH * weights


def _teaching(examples: FusionExamples) -> npt.NDArray[np.bool_]:
    """Say which candidates are of cases that hold both kinds."""
    cases = int(examples.row[-1]) + 1 if len(examples.row) else 0
    positives = np.bincount(examples.row[examples.relevant], minlength=cases)
    others = np.bincount(examples.row[~examples.relevant], minlength=cases)
    return ((positives > 0) & (others > 0))[examples.row]


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
        progress: Called with each of the four stages as it begins.

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
