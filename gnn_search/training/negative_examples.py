"""Show what each sampler draws against one interaction, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel

from gnn_search.arrays import Int64, sorted_unique
from gnn_search.config.negatives import HardNegatives, InBatch, Negatives, SharedNegatives
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.batches import BatchSampler, Examples
from gnn_search.sampling.negatives.base import UNIFORM
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.training.negative_study import Drawn, Study


class Shown(BaseModel):
    """One product: the shop's id, title, category path, and the model's cosine with the request."""

    product_id: str | int
    title: str
    category: str
    score: float


class ShownNegative(Shown):
    """A drawn product.

    Attributes:
        reason: Why it was drawn.
        category_distance: Steps over the category tree from the positive; none where either is in no category.
        masked: It is known to be right, and so not taught.
        positive_later: Somebody interacted with it for this query in the validation period.
    """

    reason: str
    category_distance: int | None
    masked: bool
    positive_later: bool


class SamplerDraws(BaseModel):
    """What one sampler drew; `taught` says whether the model was taught with it."""

    kind: str
    taught: bool
    negatives: list[ShownNegative]


class QueryNegatives(BaseModel):
    """A query's latest interaction in training, and what stands against it."""

    query: str
    user_id: str | int | None
    positive: Shown
    samplers: list[SamplerDraws]


def choose_negatives(config: TrainingConfig, kinds: Sequence[str], count: int | None = None) -> TrainingConfig:
    """Return a configuration with certain kinds of negatives, set as in `config` where it has them.

    Args:
        config: A model's configuration.
        kinds: Wanted kinds; none takes those of the configuration.
        count: Products an example, where the kind draws for each example.

    Returns:
        A configuration that may hold `in_batch` besides, since every one needs a pool.
    """
    own: dict[str, Negatives] = {negative.kind: negative for negative in config.negatives}
    entries = [{"kind": "in_batch"}, *({"kind": kind} for kind in kinds if kind != "in_batch")]
    plain: dict[str, Negatives] = {
        one.kind: one for one in TrainingConfig.model_validate({"name": "plain", "negatives": entries}).negatives
    }
    kept = [own.get(kind) or plain[kind] for kind in kinds] or list(config.negatives)
    if not any(isinstance(negative, SharedNegatives) for negative in kept):
        kept.insert(0, InBatch(kind="in_batch", mask=config.pool_mask))
    if count is not None:
        kept = [negative.model_copy(update={"count": count}) if isinstance(negative, HardNegatives) else negative for negative in kept]
    return config.model_copy(update={"negatives": tuple(kept)})


def show_negatives(
    encoder: NodeEncoder, batches: BatchSampler, query: str, user: int | None, count: int, taught: Sequence[str], kinds: Sequence[str]
) -> QueryNegatives:
    """Draw negatives against the latest training interaction for a query.

    Args:
        encoder: The trained model in the view of the start of the validation period.
        batches: The samplers, made by `choose_negatives` with this `count`.
        query: The normalised text.
        user: User whose interaction is wanted; None for anybody's.
        count: Negatives shown of each sampler.
        taught: Kinds that the model was taught with.
        kinds: Kinds that are shown.

    Raises:
        RequestError: Nobody, or not this user, interacted with anything for the query in the training period.
    """
    graph = encoder.view.graph
    example = _latest(batches, query, user)
    epoch, step, row = _place_of(batches, example)
    study, describe = Study(encoder, batches), _Describer(graph, batches)
    samplers, positive = [], None
    for drawn in study.draw(epoch, step, row):
        positive = positive or describe.product(int(drawn.positives.product[0]), float(drawn.positive_score[0]))
        if drawn.kind in kinds:
            samplers.append(SamplerDraws(kind=drawn.kind, taught=drawn.kind in taught, negatives=describe.negatives(drawn, count)))
    assert positive is not None
    who = int(batches.examples.user[example])
    user_id = graph.nodes("user").to_series(0)[who] if who >= 0 else None
    return QueryNegatives(query=query, user_id=user_id, positive=positive, samplers=samplers)


def _latest(batches: BatchSampler, query: str, user: int | None) -> int:
    graph, examples = batches.graph, batches.examples
    node = graph.nodes("query")["query"].index_of(query)
    if node is not None and batches.held_out[node]:
        raise RequestError(f"the query {query!r} was held out of training (augmentation.held_out_queries); give another one")
    matching = examples.query == (-1 if node is None else node)
    if user is not None:
        matching &= examples.user == user
    found: Int64 = np.flatnonzero(matching)
    if not len(found):
        who = "nobody" if user is None else "this user never"
        raise RequestError(
            f"{who} interacted with a product for {query!r} in the training period of {graph.path}; give a query of that period"
        )
    return int(found[-1])


def _place_of(batches: BatchSampler, example: int) -> tuple[int, int, int]:
    """Return epoch, step and row of an example in the first epoch."""
    for step in range(batches.steps_per_epoch):
        row = np.flatnonzero(batches.positives(0, step).example == example)
        if len(row):
            return 0, step, int(row[0])
    raise RequestError(f"the example {example} stands in no batch; expected one below {len(batches.examples.time)}")


class _Describer:
    """Puts products and reasons into words."""

    def __init__(self, graph: Graph, batches: BatchSampler) -> None:
        self._graph, self._taxonomy = graph, graph.taxonomy
        products = graph.nodes("product")
        self._ids, self._titles = products.to_series(0), products["title"]
        categories = graph.nodes("category")
        self._names, self._paths = categories["name"].to_list(), categories["path"].to_list()
        later = Examples.of(graph, "validation")
        sizes = graph.num_nodes["query"], graph.num_nodes["product"]
        self._later = KnownPositives("query", later.user, later.query, later.product, *sizes)
        self._depth = {name: sampler.describe().get("depth") for name, sampler in batches.negatives.own.items()}

    def product(self, product: int, score: float) -> Shown:
        category = int(self._taxonomy.product_category[product])
        path = self._paths[category] if category >= 0 else ""
        return Shown(product_id=self._ids[product], title=self._titles[product], category=path, score=score)

    def negatives(self, drawn: Drawn, count: int) -> list[ShownNegative]:
        """Describe the negatives of a single example; of a pool those at evenly spread places."""
        later = self._later.contains(drawn.positives.user, drawn.positives.query, drawn.product)[0]
        width = drawn.product.shape[1]
        shown = range(width) if width <= count else sorted_unique(np.linspace(0, width - 1, count).astype(int)).tolist()
        found = []
        for place in shown:
            product = int(drawn.product[0, place])
            what = self.product(product, float(drawn.score[0, place]))
            reason, distance = self._reason(drawn, place)
            found.append(
                ShownNegative(
                    **what.model_dump(),
                    reason=reason,
                    category_distance=distance,
                    masked=not drawn.valid[0, place],
                    positive_later=bool(later[place]),
                )
            )
        return found

    def _reason(self, drawn: Drawn, place: int) -> tuple[str, int | None]:
        category = self._taxonomy.product_category
        start, end = int(category[drawn.positives.product[0]]), int(category[drawn.product[0, place]])
        ends = np.array([start], dtype=np.int32), np.array([end], dtype=np.int32)
        distance = int(self._taxonomy.distance(*ends)[0]) if start >= 0 and end >= 0 else None
        why = int(drawn.reason[0, place])
        if drawn.kind == "in_batch":
            return "the positive of another example of the batch", distance
        if drawn.kind == "uniform":
            return "drawn evenly from the catalogue", distance
        if why == UNIFORM:
            return "nothing nearer is there: drawn evenly from the catalogue", distance
        if drawn.kind == "taxonomy":
            return self._climb(start, end, why), distance
        if drawn.kind == "in_batch_hard":
            return f"number {place + 1} of the pool by the model's score", distance
        how = {"dynamic": "nearest by the model", "bm25": "best by BM25", "low_grade": "judged and not relevant"}.get(drawn.kind)
        return (f"place {why + 1} of the {self._depth[drawn.kind]} {how}" if how else f"drawn by {drawn.kind}"), distance

    def _climb(self, start: int, end: int, levels: int) -> str:
        """Write a draw as the names of the categories that it passed: up from the positive's, and down to the negative's."""
        if levels == 0 and start == end:
            return f"{self._names[start]}, the same category"
        ancestors = self._taxonomy.ancestors()
        up = [int(node) for node in ancestors[start] if node >= 0]
        top = up[levels] if levels < len(up) else None
        climbed = [self._names[node] for node in up[: levels + 1]] + ([] if top is not None else ["all categories"])
        below = [int(node) for node in ancestors[end] if node >= 0]
        down = below[: below.index(top)] if top is not None else below
        return " ↑ ".join(climbed) + "".join(f" ↓ {self._names[node]}" for node in reversed(down))
