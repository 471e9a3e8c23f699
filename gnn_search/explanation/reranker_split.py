"""Split a reranked score among groups of the features that the reranker sees."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch

from gnn_search.arrays import Float64, spread_evenly
from gnn_search.explanation.reranker_features import COSINE, describe_features, group_features
from gnn_search.explanation.result import FeatureGroup, FeatureValue, RerankerSplit, ScoreSplit
from gnn_search.explanation.shapley import shapley_values
from gnn_search.rerank.candidates import partner_relations
from gnn_search.rerank.features import feature_names
from gnn_search.retrieval.rankers.candidate_rankers import CandidateRanker
from gnn_search.retrieval.request_encoder import EncodedRequests
from gnn_search.trained.model import Model


@torch.no_grad()
def split_score(
    model: Model, ranker: CandidateRanker, requests: EncodedRequests, product: int, verb: str, background: int = 100
) -> tuple[ScoreSplit, RerankerSplit | None]:
    """Split the reranked score of one product for one request.

    The reranker's part is shared out by exact Shapley values against other candidates of the request, at most `background`: what makes
    the product different from those it competes with. What all of them share, such as how much the user ever bought, gets nothing. The
    reranker sees the cosine too, so that is one of the groups.

    Returns:
        The score, and the reranker's part, None for a product that is no candidate.
    """
    assert model.reranker is not None
    scorer = deepcopy(model.reranker).double()
    cosine = ranker.index.similarity(requests.vector.numpy(), np.zeros(1, np.int64), np.array([product], np.int32))
    candidates, features = ranker.describe(requests)
    place = np.flatnonzero(candidates.product == product)
    if not len(place):
        # Like the list, which has the cosines of such products from the index, in float32.
        cosine = cosine.astype(np.float32).astype(np.float64)
    other = scorer.score_others(torch.from_numpy(cosine)).item()
    vector = other - scorer.others.item()
    if not len(place):
        return ScoreSplit(score=other, cosine=cosine.item(), vector=vector, reranker=other - vector), None

    def reranker_part(rows: Float64) -> Float64:
        numbers, cosines = torch.from_numpy(rows[:, :-1]), torch.from_numpy(rows[:, -1])
        by_cosine = scorer.score_others(cosines) - scorer.others
        return np.asarray((scorer.score_candidates(numbers, cosines) - by_cosine).numpy())

    names = [*feature_names(model.config.reranker, partner_relations(model.graph)), COSINE]
    others = ranker.index.similarity(requests.vector.numpy(), candidates.row, candidates.product)
    table = np.column_stack([features.numpy(), others])
    x, mean = table[int(place[0])], table.mean(axis=0)
    groups = group_features(names[:-1]) | {COSINE: [len(names) - 1]}
    start, shares = shapley_values(reranker_part, x, table[spread_evenly(len(table), background)], list(groups.values()))
    whole = float(reranker_part(x[None])[0])
    described = [
        _group(title, share, [FeatureValue(name=names[column], value=x[column], mean=mean[column]) for column in columns], verb)
        for (title, columns), share in zip(groups.items(), shares.tolist(), strict=True)
    ]
    described.sort(key=lambda group: -abs(group.score))
    split = RerankerSplit(from_graph=bool(candidates.from_graph[place[0]]), candidates=len(features), mean=start, groups=tuple(described))
    return ScoreSplit(score=vector + whole, cosine=cosine.item(), vector=vector, reranker=whole), split


def _group(name: str, score: float, numbers: list[FeatureValue], verb: str) -> FeatureGroup:
    words = describe_features({number.name: number.value for number in numbers}, verb)
    return FeatureGroup(name=name, score=score, words=words, features=tuple(numbers))
