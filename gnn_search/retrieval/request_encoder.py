"""Turn requests into vectors of the products' space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from gnn_search.arrays import Bool, Int32, Int64
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.known_queries.lenders import STEMS, Lenders
from gnn_search.model.inductive_users import InductiveUsers
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings

NOBODY = -1


@dataclass(frozen=True)
class EncodedRequests:
    """Requests as rankers read them.

    Attributes:
        texts: The distinct texts, normalised.
        lenders: Of each text: the known queries that a new one borrows from; None where none borrows.

    Shapes:
        - user: int32 [n], -1 for nobody; rows of `inductive_users` where there are any, else the graph's
        - query: int32 [n], -1 for one that is no node
        - history_query: int32 [n], the query whose categories select the user's history, the best lender where there are some, -1 for none
        - vector: float32 [n, d], unit length
        - text: int64 [n], which of the distinct texts each request has
        - nodes: int32 [texts], the query of each text, -1 for one that is no node
        - known: bool [texts], had an interaction before
        - understood: bool [texts], known, or a word of it is, perhaps misspelt, one of the known queries or of the catalogue
    """

    user: Int32
    query: Int32
    history_query: Int32
    vector: Tensor
    text: Int64
    texts: Sequence[str]
    nodes: Int32
    known: Bool
    understood: Bool
    lenders: Lenders | None = None
    inductive_users: InductiveUsers | None = None

    def __len__(self) -> int:
        return len(self.user)

    def borrowed(self) -> Lenders:
        """Return the lenders of each request."""
        return Lenders.nobody(len(self)) if self.lenders is None else self.lenders.take(self.text)

    def take(self, rows: Int64) -> EncodedRequests:
        """Return some of the requests, int64 [m]; the texts stay."""
        return replace(
            self,
            user=self.user[rows],
            query=self.query[rows],
            history_query=self.history_query[rows],
            vector=self.vector[torch.from_numpy(rows)],
            text=self.text[rows],
        )


class RequestEncoder:
    """Encodes requests as of one time.

    A new query is encoded by its text alone; its user's history is selected by the categories of the known queries that are like it.

    Args:
        model: The model.
        embeddings: Its node embeddings as of the time.
        personal: Whether users count; without, every request is encoded as nobody's.
    """

    def __init__(self, model: Model, embeddings: NodeEmbeddings, *, personal: bool = True) -> None:
        view = model.graph.before(embeddings.as_of)
        products = torch.from_numpy(embeddings.vectors["product"])
        self.nodes = NodeEncoder(model.towers, model.inputs, view, products, lender_weights=model.understanding.lenders)
        self._words, self._reads_catalogue = model.word_matcher, model.config.reranker.words > 0
        self._personal, self._embeddings = personal, torch.from_numpy(embeddings.vectors["query"])
        self._texts = model.graph.nodes("query")["query"]
        self._queries = IdLookup(self._texts)
        # With a last one for what is no node, number -1.
        self._had_interactions = np.r_[view.edges(("product", "rev_leads_to", "query")).degree() > 0, False]

    def encode(self, user: Int32, texts: pl.Series, inductive_users: InductiveUsers | None = None) -> EncodedRequests:
        """Encode requests by their texts.

        Shapes:
            - user: int32 [n], of `inductive_users` where these are given, else of the graph; -1 for nobody
            - texts: String [n], normalised
        """
        if len(texts) == 1:
            distinct, text = texts, np.zeros(1, dtype=np.int64)
        else:
            distinct = texts.unique().sort()
            text = distinct.search_sorted(texts).to_numpy().astype(np.int64)
        return self._encode(user, text, distinct.to_list(), self._queries.find(distinct), inductive_users)

    def encode_nodes(self, user: Int32, query: Int32) -> EncodedRequests:
        """Encode requests for known queries.

        Shapes:
            - user: int32 [n], -1 for nobody
            - query: int32 [n], nodes
        """
        nodes, text = np.unique(query, return_inverse=True)
        return self._encode(user, text, self._texts.gather(nodes).to_list(), nodes.astype(np.int32), None)

    def _encode(self, user: Int32, text: Int64, texts: list[str], nodes: Int32, inductive_users: InductiveUsers | None) -> EncodedRequests:
        vectors = torch.zeros((len(texts), self._embeddings.shape[1]))
        stored = np.flatnonzero(nodes >= 0)
        vectors[torch.from_numpy(stored)] = self._embeddings[torch.from_numpy(nodes[stored].astype(np.int64))]
        history_query, known = nodes.copy(), self._had_interactions[nodes]
        understood = known.copy()
        lenders: Lenders | None = None
        # Texts count where the graph says nothing of a query: for its vector, and to find known queries like it.
        by_text = np.flatnonzero(self.nodes.borrows[nodes])
        if len(by_text):
            some = [texts[place] for place in by_text.tolist()]
            encoded = self.nodes.encode_texts(some)
            new = np.flatnonzero(nodes[by_text] < 0)
            vectors[torch.from_numpy(by_text[new])] = encoded[torch.from_numpy(new)]
            found = self.nodes.known_queries.find(some, encoded.numpy(), nodes[by_text])
            understood[by_text] |= self._understands(some, encoded, found)
            history_query[by_text] = found.best()[0]
            lenders = found.spread(by_text, len(texts))
        who = user if self._personal else np.full_like(user, NOBODY)
        vector, called = vectors[torch.from_numpy(text)], history_query[text]
        if self._personal:
            categories, row = None, called
            if lenders is not None:
                categories, row = self.nodes.categories.merge(history_query, lenders), text.astype(np.int32)
            vector = self.nodes.personalise(vector, who, row, inductive=inductive_users, categories=categories)
        return EncodedRequests(who, nodes[text], called, vector, text, texts, nodes, known, understood, lenders, inductive_users)

    def _understands(self, texts: list[str], encoded: Tensor, lenders: Lenders) -> Bool:
        """Say in which texts a word is one of the known queries or of the catalogue, bool [n]: a text tower knows any letter."""
        understood = np.zeros(len(texts), dtype=np.bool_)
        np.maximum.at(understood, lenders.row, lenders.likeness[:, STEMS] > 0)
        left = np.flatnonzero(~understood)
        if len(left) and self._reads_catalogue:
            matches = self._words.match([texts[place] for place in left.tolist()], np.full(len(left), -1, dtype=np.int32))
            understood[left] = matches.ends > matches.starts
        elif len(left):
            understood[left] = encoded[torch.from_numpy(left)].any(dim=1).numpy()
        return understood
