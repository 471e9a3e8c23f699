"""Split the walk part of a score among groups of the numbers that it is made of."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch

from gnn_search.explanation.result import ScoreSplit, WalkGroup, WalkNumber, WalkSplit
from gnn_search.explanation.shapley import Float64, shapley_values
from gnn_search.explanation.walk_groups import COSINE, group_numbers
from gnn_search.explanation.walk_words import in_words
from gnn_search.model.store import Model
from gnn_search.retrieval.vector_channel import Asked
from gnn_search.retrieval.walk_channel import WalkChannel
from gnn_search.sampling.walk.features import feature_names
from gnn_search.sampling.walk.index import partner_relations

_BACKGROUND = 100
"""Most of a request's described products that a product is compared with."""


@torch.no_grad()
def split_walk(model: Model, channel: WalkChannel, asked: Asked, product: int, choice: str) -> tuple[ScoreSplit, WalkSplit | None]:
    """Split the full score of one product for one request.

    The walk part is shared out by exact Shapley values against the other products described for the same request: what makes this one
    another than those it competes with. What all of them share, such as how much the shopper ever bought, gets nothing. The walk term
    sees the cosine too, so that is one of the groups.

    Args:
        model: A model with a walk term.
        channel: Vectors and walks together.
        asked: One request, encoded by the channel's vectors.
        product: Node.
        choice: What it is to choose a product, `bought` or `chose`.

    Returns:
        The score, and the walk part, None for a product that nothing describes.
    """
    assert model.walk is not None
    scorer = deepcopy(model.walk).double()
    cosine = channel.index.similarity(asked.vector.numpy(), np.zeros(1, np.int64), np.array([product], np.int32))
    similarity = torch.from_numpy(cosine)
    elsewhere = scorer.score_elsewhere(similarity).item()
    vector = elsewhere - scorer.elsewhere.item()
    reached, features = channel.describe(asked)
    place = np.flatnonzero(reached.product == product)
    if not len(place):
        return ScoreSplit(score=elsewhere, cosine=cosine.item(), vector=vector, walk=elsewhere - vector), None

    def walk_part(rows: Float64) -> Float64:
        numbers, cosines = torch.from_numpy(rows[:, :-1]), torch.from_numpy(rows[:, -1])
        by_cosine = scorer.score_elsewhere(cosines) - scorer.elsewhere
        return np.asarray((scorer.score_reached(numbers, cosines) - by_cosine).numpy())

    names = [*feature_names(model.config.reranker, partner_relations(model.graph)), COSINE]
    others = channel.index.similarity(asked.vector.numpy(), reached.row, reached.product)
    table = np.column_stack([features.numpy(), others])
    x, mean = table[int(place[0])], table.mean(axis=0)
    groups = group_numbers(names[:-1]) | {COSINE: [len(names) - 1]}
    start, shares = shapley_values(walk_part, x, _background(table), list(groups.values()))
    whole = float(walk_part(x[None])[0])
    told = [
        _group(title, share, [WalkNumber(name=names[column], value=x[column], mean=mean[column]) for column in columns], choice)
        for (title, columns), share in zip(groups.items(), shares.tolist(), strict=True)
    ]
    told.sort(key=lambda group: -abs(group.score))
    split = WalkSplit(walked=bool(reached.walked[place[0]]), described=len(features), mean=start, groups=tuple(told))
    return ScoreSplit(score=vector + whole, cosine=cosine.item(), vector=vector, walk=whole), split


def _background(table: Float64) -> Float64:
    """Return all rows, or some spread evenly over them."""
    return table[np.unique(np.linspace(0, len(table) - 1, _BACKGROUND).astype(np.int64))]


def _group(name: str, score: float, numbers: list[WalkNumber], choice: str) -> WalkGroup:
    words = in_words({number.name: number.value for number in numbers}, choice)
    return WalkGroup(name=name, score=score, words=words, numbers=tuple(numbers))
