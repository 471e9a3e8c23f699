"""Training batches: examples of one window of time, their negatives, and what the towers read of the graph before the window."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.config.training import InBatch, TaxonomyWalk, TrainingConfig, Uniform
from gnn_search.errors import RequestError
from gnn_search.graph.csr import Float32, Int32, Int64
from gnn_search.graph.store import Graph, GraphView
from gnn_search.sampling.history import QueryCategories
from gnn_search.sampling.inputs import InputSampler, PersonalInputs, ProductInputs, QueryInputs
from gnn_search.sampling.negatives.base import OwnNegatives, Positives, SharedNegativeSampler
from gnn_search.sampling.negatives.in_batch import InBatchNegatives
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.negatives.taxonomy import TaxonomyNegatives
from gnn_search.sampling.negatives.uniform import UniformNegatives
from gnn_search.sampling.random_source import RandomSource

_DAY = 86_400_000_000
_VIEWS_KEPT = 4


@dataclass(frozen=True)
class Examples:
    """Training examples in time order.

    Shapes:
        All [examples]. user: int32, -1 anonymous; query, product: int32; time, session_start: int64 µs; weight: float32.
    """

    user: Int32
    query: Int32
    product: Int32
    time: Int64
    session_start: Int64
    weight: Float32

    @classmethod
    def of(cls, graph: Graph, split: str) -> Examples:
        """Read the choices of a split of a graph; being shown a product teaches nothing."""
        table = graph.examples(split).filter(pl.col("action").is_in(graph.chosen_actions))
        return cls(
            table["user"].fill_null(-1).to_numpy(),
            *(table[column].to_numpy() for column in ("query", "product", "time", "session_start", "weight")),
        )


@dataclass(frozen=True)
class Batch:
    """One step's work.

    Shapes:
        n examples, p distinct products, q distinct queries, m pool products. positive: int64 [n], rows of products; query: int64 [n],
        rows of queries; weight: float32 [n]; pool: int64 [m], rows of products that stand against every example; log_presence: float32
        [m], ln of the chance that the pool holds each; masked_row, masked_column: int64, places of the [n, m] scores that hold a known
        positive, the example's own one among them; own: int64 [n, k], rows of products; own_valid: bool [n, k].
    """

    positives: Positives
    weight: Float32
    products: ProductInputs
    queries: QueryInputs
    people: PersonalInputs
    positive: Int64
    query: Int64
    pool: Int64
    log_presence: Float32
    masked_row: Int64
    masked_column: Int64
    own: Int64
    own_valid: npt.NDArray[np.bool_]


class BatchSampler:
    """Makes the batch of any (epoch, step), always the same one.

    Args:
        graph: The graph.
        config: The training configuration.

    Raises:
        RequestError: There is nothing to learn from.
    """

    def __init__(self, graph: Graph, config: TrainingConfig) -> None:
        self._graph, self._config = graph, config
        self.inputs = InputSampler(graph, config)
        self.examples = Examples.of(graph, "train")
        if not len(self.examples.time):
            raise RequestError(f"{graph.path}: the training period holds no choice, only products that were shown; move the recipe's split")
        self._random = RandomSource(config.seed)
        self._shared, self._own = self._samplers()
        self._views: OrderedDict[int, tuple[GraphView, QueryCategories]] = OrderedDict()
        self._window = np.asarray((self.examples.time - self.examples.time[0]) // int(config.loop.window_days * _DAY))
        self._plans: dict[int, list[Int64]] = {}
        # A thread makes batches while the training step asks for a view.
        self._lock = Lock()
        self.steps_per_epoch = len(self._plan(0))

    def describe_negatives(self) -> list[dict[str, Any]]:
        """Return what each negative sampler does and has counted."""
        shared = [sampler.describe() for sampler in self._shared]
        return [*shared, self._own.describe()] if self._own else shared

    def make(self, epoch: int, step: int) -> Batch:
        """Draw the batch of a step.

        Args:
            epoch: Pass over the examples, from 0.
            step: Step inside the epoch.
        """
        example = self._plan(epoch)[step]
        positives = Positives(example, self.examples.user[example], self.examples.query[example], self.examples.product[example])
        view, categories = self._view(int(self._window[example[0]]))
        shared = np.concatenate([sampler.draw(positives, epoch, step) for sampler in self._shared])
        own = self._own.draw(positives, epoch) if self._own else _no_negatives(len(example))
        pool = np.unique(shared)
        products = np.unique(np.concatenate([pool, positives.product, own.product.ravel()]))
        row, column = self._known.among(positives.user, positives.query, pool)
        product_inputs = self.inputs.products(view, products, self._random, epoch)
        queries = np.unique(np.concatenate([positives.query, product_inputs.queries.index]))
        absence = sum(sampler.log_absence(pool, len(example)) for sampler in self._shared)
        return Batch(
            positives=positives,
            weight=self.examples.weight[example],
            products=product_inputs,
            queries=self.inputs.queries(view, queries, self._random, epoch),
            people=self.inputs.people(positives.user, positives.query, self.examples.session_start[example], categories),
            positive=np.searchsorted(products, positives.product),
            query=np.searchsorted(queries, positives.query),
            pool=np.searchsorted(products, pool),
            log_presence=np.log(-np.expm1(absence)).astype(np.float32),
            masked_row=row,
            masked_column=column,
            own=np.searchsorted(products, own.product),
            own_valid=own.valid,
        )

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
                batches.extend(np.array_split(order, -(-len(order) // self._config.loop.batch_size)))
            plan = [batches[place] for place in generator.permutation(len(batches))]
            self._plans = {**dict(list(self._plans.items())[-1:]), epoch: plan}
        return plan

    def _view(self, window: int) -> tuple[GraphView, QueryCategories]:
        with self._lock:
            if window not in self._views:
                start = int(self.examples.time[0]) + window * int(self._config.loop.window_days * _DAY)
                view = self._graph.before(start)
                self._views[window] = (view, self.inputs.categories(view))
                while len(self._views) > _VIEWS_KEPT:
                    self._views.popitem(last=False)
            self._views.move_to_end(window)
            return self._views[window]

    def _samplers(self) -> tuple[list[SharedNegativeSampler], TaxonomyNegatives | None]:
        examples, num_nodes = self.examples, self._graph.num_nodes
        rule, num_products = self._config.loss.mask, num_nodes["product"]
        self._known = KnownPositives(rule, examples.user, examples.query, examples.product, num_nodes["query"], num_products)
        shared: list[SharedNegativeSampler] = []
        own = None
        for settings in self._config.negatives:
            if isinstance(settings, InBatch):
                shared.append(InBatchNegatives(examples.product, num_products))
            elif isinstance(settings, Uniform):
                shared.append(UniformNegatives(settings.count, num_products, self._random))
            elif isinstance(settings, TaxonomyWalk):
                popularity = np.bincount(examples.product, minlength=num_products)
                own = TaxonomyNegatives(
                    self._graph.taxonomy, settings.levels, settings.count, popularity, settings.alpha, self._known, self._random
                )
        return shared, own


def _no_negatives(rows: int) -> OwnNegatives:
    return OwnNegatives(np.empty((rows, 0), np.int32), np.empty((rows, 0), np.bool_), np.empty((rows, 0), np.int32))
