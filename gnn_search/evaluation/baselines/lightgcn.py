"""LightGCN over users, queries and products."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.nn import functional

from gnn_search.arrays import PADDING, Float32, Int32
from gnn_search.config.baselines import LightGcnSettings
from gnn_search.evaluation.baselines.popularity import Popularity
from gnn_search.graph.pairs import Pairs, count_interactions, count_pairs
from gnn_search.graph.store import GraphView
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.ranking import Ranking
from gnn_search.tables.events import SPLITS
from gnn_search.training.determinism import deterministic

_Progress = Callable[[int, int], None]
"""Called with the steps done and the number of all steps."""


class LightGcn:
    """Rank by (u + q) . p with vectors of LightGCN (He et al., arXiv 2002.02126, PyG's module), products without an interaction left out.

    The graph joins users and queries with the products of their positive interactions before the view's time. Trained by Bayesian
    personalised ranking (Rendle et al., arXiv 1205.2618) on the same interactions. A user without interactions leaves q . p; a cold query
    gets the most popular products.
    """

    name = "lightgcn"

    def __init__(
        self, view: GraphView, popularity: Popularity, settings: LightGcnSettings, progress: _Progress = lambda done, total: None
    ) -> None:
        self._popularity = popularity
        by_user, by_query = count_interactions(view), count_pairs(view, [("product", "rev_leads_to", "query")])
        self._known_user, self._known_query = np.diff(by_user.indptr) > 0, np.diff(by_query.indptr) > 0
        self._users, self._queries = len(self._known_user), len(self._known_query)
        self._products = np.flatnonzero(popularity.count > 0).astype(np.int32)
        vectors = self._train(view, _adjacency(by_user, by_query), settings, progress)
        self._user, self._query, product = np.split(vectors, [self._users, self._users + self._queries])
        self._index = FlatIndex.build(product[self._products])

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`. The score is the inner product, or for a cold query the number of interactions."""
        ranking = self._popularity.rank(user, query, k)
        warm = np.flatnonzero((query >= 0) & self._known_query[query])
        if len(warm) == 0:
            return ranking
        personal = (user[warm] >= 0) & self._known_user[user[warm]]
        vectors = self._query[query[warm]] + np.where(personal[:, None], self._user[user[warm]], np.float32(0))
        places = min(k, len(self._products))
        score, row = self._index.search(vectors, places)
        ranking.product[warm], ranking.score[warm] = PADDING, -np.inf
        ranking.product[warm, :places], ranking.score[warm, :places] = self._products[row], score
        return ranking

    def _train(self, view: GraphView, adjacency: Tensor, settings: LightGcnSettings, progress: _Progress) -> Float32:
        """Return the vectors of users, queries and products, float32 [nodes, d]."""
        # PyG takes a second to import.
        from torch_geometric.nn.models import LightGCN

        examples = _examples(view, self._users, self._queries)
        candidates = torch.from_numpy(self._products.astype(np.int64)) + self._users + self._queries
        generator = torch.Generator().manual_seed(settings.seed)
        with deterministic(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = LightGCN(adjacency.shape[0], settings.dimension, settings.layers, normalize=False)
            torch.nn.init.normal_(model.embedding.weight, std=0.1)
            optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
            batches = -(-len(examples) // settings.batch_size)
            for step in range(settings.steps):
                if step % batches == 0:
                    order = torch.randperm(len(examples), generator=generator)
                    parts = order.tensor_split(batches)
                batch = examples[parts[step % batches]]
                drawn = candidates[torch.randint(len(candidates), (len(batch), settings.negatives), generator=generator)]
                optimiser.zero_grad()
                loss = _bpr(model, adjacency, batch, drawn, settings.weight_decay)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                progress(step + 1, settings.steps)
            with torch.no_grad():
                return np.asarray(model.get_embedding(adjacency).numpy(), dtype=np.float32)


def _bpr(model: Any, adjacency: Tensor, batch: Tensor, negative: Tensor, weight_decay: float) -> Tensor:
    """Return the mean of -ln sigmoid((u + q) . (p - n)), plus the weight decay of the ID embeddings in the batch.

    Shapes:
        - batch: int64 [b, 3], nodes of user (-1 for none), query and product
        - negative: int64 [b, n]
    """
    vectors = model.get_embedding(adjacency)
    user, query, product = batch.unbind(dim=1)
    known = (user >= 0)[:, None]
    request = functional.embedding(query, vectors) + functional.embedding(user.clamp(min=0), vectors) * known
    right = (request * functional.embedding(product, vectors)).sum(dim=1, keepdim=True)
    wrong = torch.einsum("bd,bnd->bn", request, functional.embedding(negative, vectors))
    embedding = model.embedding
    parts = embedding(user.clamp(min=0)) * known, embedding(query), embedding(product)
    length = sum((part.square().sum() for part in parts), torch.zeros(())) / len(batch)
    return functional.softplus(wrong - right).mean() + weight_decay * length


def _examples(view: GraphView, users: int, queries: int) -> Tensor:
    """Return the positive interactions before the view's time as nodes of user (-1 for none), query and product: int64 [n, 3]."""
    graph = view.graph
    tables = [graph.examples(split).select("user", "query", "product", "action", "time") for split in SPLITS]
    seen = pl.concat(tables).filter((pl.col("time") < view.time) & pl.col("action").is_in(graph.positive_actions))
    nodes = seen.select(pl.col("user").fill_null(-1), pl.col("query") + users, pl.col("product") + users + queries)
    return torch.from_numpy(np.ascontiguousarray(nodes.cast(pl.Int64).to_numpy()))


def _adjacency(by_user: Pairs, by_query: Pairs) -> Tensor:
    """Return the symmetrically normalised adjacency D^-1/2 A D^-1/2 of users, queries and products as a sparse CSR matrix."""
    users, queries = len(by_user.indptr) - 1, len(by_query.indptr) - 1
    nodes = users + queries + by_user.num_products
    left = np.concatenate([by_user.key // by_user.num_products, by_query.key // by_user.num_products + users])
    right = np.concatenate([by_user.product, by_query.product]).astype(np.int64) + users + queries
    row, column = np.concatenate([left, right]), np.concatenate([right, left])
    degree = np.maximum(np.bincount(row, minlength=nodes), 1)
    order = np.lexsort((column, row))
    row, column = row[order], column[order]
    weight = (degree[row] * degree[column]) ** -0.5
    indptr = np.searchsorted(row, np.arange(nodes + 1))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(indptr),
            torch.from_numpy(column),
            torch.from_numpy(weight.astype(np.float32)),
            size=(nodes, nodes),
            check_invariants=False,
        )
