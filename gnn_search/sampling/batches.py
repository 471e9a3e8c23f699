"""Training batches: examples of one window of time, their negatives, and what the towers read of the graph before the window."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from threading import Lock

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Bool, Float32, Float64, Int32, Int64, sorted_unique
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import RequestError
from gnn_search.graph.lexical.fields import searched_text
from gnn_search.graph.store import Graph, GraphView
from gnn_search.sampling.augmentation import AugmentedTexts, Augmenter, draw_held_out
from gnn_search.sampling.history import QueryCategories
from gnn_search.sampling.inputs import InputSampler, ProductInputs, QueryInputs, UserInputs
from gnn_search.sampling.negatives.base import OwnNegatives, Positives
from gnn_search.sampling.negatives.build import build_samplers
from gnn_search.sampling.random_source import RandomSource
from gnn_search.sampling.schedule import POOL, LossSchedule

_DAY = 86_400_000_000
_VIEWS_KEPT = 4


@dataclass(frozen=True)
class Examples:
    """Training examples in time order.

    Shapes:
        - user: int32 [examples], -1 when anonymous
        - query, product: int32 [examples]
        - time, session_start: int64 [examples] in µs
        - weight: float32 [examples]
        - action: int32 [examples], place of the action among the graph's `positive_actions`
    """

    user: Int32
    query: Int32
    product: Int32
    time: Int64
    session_start: Int64
    weight: Float32
    action: Int32

    @classmethod
    def of(cls, graph: Graph, split: str) -> Examples:
        """Read the interactions of a split of a graph; being shown a product teaches nothing."""
        table = graph.examples(split).filter(pl.col("action").is_in(graph.positive_actions))
        action = table["action"].cast(pl.String)
        code = action.replace_strict(graph.positive_actions, range(len(graph.positive_actions)), return_dtype=pl.Int32)
        return cls(
            user=table["user"].fill_null(-1).to_numpy(),
            action=code.to_numpy(),
            **{column: table[column].to_numpy() for column in ("query", "product", "time", "session_start", "weight")},
        )

    def without(self, queries: npt.NDArray[np.bool_]) -> Examples:
        """Return the examples of the other queries; all where no other query has any.

        Shapes:
            - queries: bool [queries]
        """
        kept = ~queries[self.query]
        if not kept.any():
            return self
        return Examples(**{field.name: getattr(self, field.name)[kept] for field in fields(self)})


def queries_held_out(graph: Graph, share: float, seed: int) -> Bool:
    """Say which queries the vectors are not taught, the same for the same seed: bool [queries].

    They are drawn from all. None are where at least as many interactions of the validation period have a new query anyway.
    """
    count = graph.num_nodes["query"]
    taught = np.zeros(count, dtype=np.bool_)
    taught[Examples.of(graph, "train").query] = True
    later = Examples.of(graph, "validation").query
    if len(later) and np.mean(~taught[later]) >= share:
        return np.zeros(count, dtype=np.bool_)
    return draw_held_out(count, share, seed)


@dataclass(frozen=True)
class OwnPart:
    """One sampler's negatives, drawn for each example.

    Shapes:
        - product: int64 [examples, k], rows of the batch's products
        - valid: bool [examples, k], false for a known positive
    """

    name: str
    weight: float
    product: Int64
    valid: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class HardestPart:
    """Which places of the pool's scores the hardest negatives must not come from.

    Shapes:
        - masked_row, masked_column: int64, places of the [n, m] scores
    """

    weight: float
    count: int
    masked_row: Int64
    masked_column: Int64


@dataclass(frozen=True)
class Batch:
    """One step's work.

    Shapes:
        For n examples, p distinct products, q distinct queries and m products of the pool, which stand against every example:

        - positive: int64 [n], rows of products
        - query: int64 [n], rows of queries
        - weight: float32 [n]
        - action: int32 [n], place among the graph's `positive_actions`
        - pool: int64 [m], rows of products
        - log_presence: float32 [m], ln of the chance that the pool holds each
        - masked_row, masked_column: int64, places of the [n, m] scores that hold a known positive, the example's own one among them
        - texts: of the noisy queries and the pseudo-queries; a pseudo-query is an example of nobody, and its row of queries stands behind
          those of the graph
        - pool_weight, and `weight` of the other parts: what they count at this step; a part that counts nothing is left out
    """

    positives: Positives
    weight: Float32
    action: Int32
    products: ProductInputs
    queries: QueryInputs
    users: UserInputs
    positive: Int64
    query: Int64
    pool: Int64
    pool_weight: float
    log_presence: Float32
    masked_row: Int64
    masked_column: Int64
    own: tuple[OwnPart, ...]
    hardest: HardestPart | None
    texts: AugmentedTexts


class BatchSampler:
    """Makes the batch of any (epoch, step), always the same one.

    Raises:
        RequestError: There is nothing to learn from.
    """

    def __init__(self, graph: Graph, config: TrainingConfig) -> None:
        self.graph = graph
        self._batch_size, self._user_dropout = config.loop.batch_size, config.user.dropout
        self._pseudo_weight = 1.0
        self._window_length = int(config.loop.window_days * _DAY)
        self.inputs = InputSampler(graph, config)
        self.examples = Examples.of(graph, "train")
        self.held_out = queries_held_out(graph, config.augmentation.held_out_queries, config.seed)
        self.examples = self.examples.without(self.held_out)
        if not len(self.examples.time):
            raise RequestError(
                f"{graph.path}: the training period holds no interaction, only products that were shown; move the recipe's split"
            )
        self._random = RandomSource(config.seed)
        positives = self._take(np.arange(len(self.examples.time)))
        products = searched_text(graph).to_list()
        self._augmenter = Augmenter(config.augmentation, graph.nodes("query")["query"].to_list(), products, self._random)
        self.negatives = build_samplers(config.negatives, config.loss.mask, graph, positives, self._random)
        self._views: OrderedDict[int, tuple[GraphView, QueryCategories]] = OrderedDict()
        self._window = np.asarray((self.examples.time - self.examples.time[0]) // self._window_length)
        self._plans: dict[int, list[Int64]] = {}
        # A thread makes batches while the training step asks for a view.
        self._lock = Lock()
        self.steps_per_epoch = len(self._plan(0))
        self.total_steps = max(config.loop.least_steps, round(config.loop.epochs * self.steps_per_epoch))
        hard: dict[str, float] = {negative.kind: negative.weight for negative in config.hard_negatives}
        self.schedule = LossSchedule(config.schedule, config.pool_weight, hard, self.total_steps)

    def make(self, epoch: int, step: int) -> Batch:
        """Draw the batch of a step inside an epoch, both from 0."""
        positives = self.positives(epoch, step)
        example = positives.example
        view, categories = self._view(int(self._window[example[0]]))
        of_examples = sorted_unique(positives.query)
        number = epoch * self.steps_per_epoch + step
        weights, progress = self.schedule.weights(number), self.schedule.progress(number)
        own = {name: sampler.draw(positives, epoch, progress) for name, sampler in self.negatives.own.items() if weights[name]}
        texts = self._augmenter.draw(number, of_examples, self._batch_size)
        pool, absence, row, column = self._pool(positives, epoch, step, texts.product)
        drawn_products = [drawn.product.ravel() for drawn in own.values()]
        products = sorted_unique(np.concatenate([pool, positives.product, texts.product, *drawn_products]))
        product_inputs = self.inputs.products(view, products, self._random, epoch)
        queries = sorted_unique(np.concatenate([of_examples, product_inputs.queries.index]))
        texts = replace(texts, noisy=np.searchsorted(queries, of_examples[texts.noisy]))
        query_inputs = self.inputs.queries(view, queries, self._random, epoch)
        query_inputs.known[texts.noisy] = False
        pseudo, time = np.full(len(texts.product), -1, np.int32), self.examples.session_start[example]
        row, column = _with_own(row, column, pool, texts.product, len(example))
        return Batch(
            positives=positives,
            weight=np.r_[self.examples.weight[example], np.full(len(pseudo), self._pseudo_weight, np.float32)],
            action=np.r_[self.examples.action[example], np.zeros_like(pseudo)],
            products=product_inputs,
            queries=query_inputs,
            users=self.inputs.users(
                np.r_[self._users_of(positives, epoch), pseudo],
                np.r_[positives.query, pseudo],
                np.r_[time, np.zeros(len(pseudo), np.int64)],
                categories,
            ),
            positive=np.asarray(np.searchsorted(products, np.r_[positives.product, texts.product])),
            query=np.r_[np.searchsorted(queries, positives.query), len(queries) + np.arange(len(pseudo))],
            pool=np.searchsorted(products, pool),
            pool_weight=weights[POOL],
            log_presence=np.log(-np.expm1(absence)).astype(np.float32),
            masked_row=row,
            masked_column=column,
            own=tuple(_own_part(name, weights[name], drawn, products, len(pseudo)) for name, drawn in own.items()),
            hardest=self._hardest(positives, pool, weights, texts.product),
            texts=texts,
        )

    def _users_of(self, positives: Positives, epoch: int) -> Int32:
        """Return the users of the examples, some of them left out."""
        if not self._user_dropout:
            return positives.user
        left_out = self._random.uniform("user dropout", epoch, positives.example, 1)[:, 0] < self._user_dropout
        return np.where(left_out, -1, positives.user).astype(np.int32)

    def positives(self, epoch: int, step: int) -> Positives:
        """Return the examples of a step."""
        return self._take(self._plan(epoch)[step])

    def _take(self, example: Int64) -> Positives:
        return Positives(example, self.examples.user[example], self.examples.query[example], self.examples.product[example])

    def view_of(self, epoch: int, step: int) -> GraphView:
        """Return the view that the batch of a step was drawn from."""
        return self._view(int(self._window[self._plan(epoch)[step][0]]))[0]

    def _plan(self, epoch: int) -> list[Int64]:
        """Shuffle the examples inside each window, cut the windows into batches, shuffle the batches."""
        plan = self._plans.get(epoch)
        if plan is None:
            generator = self._random.generator("plan", epoch)
            bounds = np.flatnonzero(np.r_[True, np.diff(self._window) > 0, True])
            batches: list[Int64] = []
            for start, end in pairwise(bounds):
                order = generator.permutation(np.arange(start, end))
                batches.extend(np.array_split(order, -(-len(order) // self._batch_size)))
            plan = [batches[place] for place in generator.permutation(len(batches))]
            self._plans = {**dict(list(self._plans.items())[-1:]), epoch: plan}
        return plan

    def _view(self, window: int) -> tuple[GraphView, QueryCategories]:
        with self._lock:
            if window not in self._views:
                start = int(self.examples.time[0]) + window * self._window_length
                view = self.graph.before(start)
                self._views[window] = (view, self.inputs.categories(view))
                while len(self._views) > _VIEWS_KEPT:
                    self._views.popitem(last=False)
            self._views.move_to_end(window)
            return self._views[window]

    def _pool(self, positives: Positives, epoch: int, step: int, pseudo: Int32) -> tuple[Int32, Float64, Int64, Int64]:
        """Draw the pool: its products, ln of the chance that it lacks each, and the places of its scores with a known positive.

        The products of the pseudo-queries stand in it too: drawn evenly, most of them no query of the log leads to.
        """
        samplers, drawn, size = self.negatives.shared, [], len(positives.product)
        for sampler in samplers:
            with sampler.tally.drawing():
                drawn.append(sorted_unique(sampler.draw(positives, epoch, step)))
        # The mask is the whole pool's, and is booked to the sampler that stands first.
        with samplers[0].tally.drawing():
            pool = sorted_unique(np.concatenate([*drawn, pseudo]))
            row, column = self.negatives.known.among(positives.user, positives.query, pool)
            absences = [sampler.log_absence(pool, size) for sampler in samplers]
            absence = np.sum([*absences, self._augmenter.log_absence(pool, len(pseudo))], axis=0)
        masked = np.bincount(column, minlength=len(pool))
        for sampler, products in zip(samplers, drawn, strict=True):
            sampler.tally.count(size * len(products), int(masked[np.searchsorted(pool, products)].sum()))
        return pool, absence, row, column

    def _hardest(self, positives: Positives, pool: Int32, weights: dict[str, float], pseudo: Int32) -> HardestPart | None:
        sampler = self.negatives.hardest
        if sampler is None or not weights[sampler.name]:
            return None
        masked = _with_own(*sampler.mask(positives, pool), pool, pseudo, len(positives.product))
        return HardestPart(weights[sampler.name], sampler.count, *masked)


def _with_own(row: Int64, column: Int64, pool: Int32, product: Int32, first: int) -> tuple[Int64, Int64]:
    """Add to masked places those of the pseudo-queries' own products, all of which the pool holds; their rows start at `first`."""
    return np.r_[row, first + np.arange(len(product))], np.r_[column, np.searchsorted(pool, product)]


def _own_part(name: str, weight: float, drawn: OwnNegatives, products: Int32, pseudo: int) -> OwnPart:
    """Return a sampler's negatives as rows of the batch's products; pseudo-queries have none of their own."""
    rows, none = np.searchsorted(products, drawn.product), np.zeros((pseudo, drawn.product.shape[1]), np.int64)
    return OwnPart(name, weight, np.concatenate([rows, none]), np.concatenate([drawn.valid, none.astype(np.bool_)]))
