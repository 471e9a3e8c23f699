"""Explain the score of one product for one search."""

from __future__ import annotations

import numpy as np
import torch

from gnn_search.errors import RequestError
from gnn_search.explanation.attention import describe_attention
from gnn_search.explanation.cosine import split_cosine
from gnn_search.explanation.product_parts import product_parts
from gnn_search.explanation.ranks import find_rank
from gnn_search.explanation.request_parts import request_parts
from gnn_search.explanation.result import ExplainedProduct, Explanation, Ranks, ScoreSplit
from gnn_search.explanation.walk_split import split_walk
from gnn_search.explanation.ways import WayFinder
from gnn_search.graph.lookup import find_node
from gnn_search.graph.store import to_datetime
from gnn_search.model.store import Model
from gnn_search.retrieval.vector_channel import Asked, VectorChannel
from gnn_search.retrieval.walk_channel import WalkChannel
from gnn_search.tables.text import normalise_text
from gnn_search.vectors.shop_vectors import open_shop_vectors

NOBODY = -1


class Explainer:
    """Explains scores one by one.

    Args:
        model: The model.
        as_of: The moment before which everything is known, µs; by default the start of the test period.
    """

    def __init__(self, model: Model, as_of: int | None = None) -> None:
        self._model, graph = model, model.graph
        shop = open_shop_vectors(model, as_of)
        self._vectors = VectorChannel(model, shop)
        self._view = self._vectors.encoder.view
        self._full: WalkChannel | None = None
        if model.walk is not None:
            encoder = self._vectors.encoder
            walks = model.inputs.walks(encoder.view, encoder.categories, shop.factors)
            self._full = WalkChannel(model, self._vectors, walks)
            self._alone = WalkChannel(model, self._vectors, walks, alone=True)
        half_lives = model.config.reranker.half_life_days
        # The second longest, as where a walk asks what was chosen of late.
        self._ways = WayFinder(self._view, half_lives[-2] if len(half_lives) > 1 else half_lives[-1])
        self._choice = "bought" if graph.chosen_actions == ["purchase"] else "chose"

    def explain(self, query: str, product: str | int, user: str | int | None = None) -> Explanation:
        """Say how the score of a product for a search comes about.

        Args:
            query: Any text, in any case and spacing.
            product: The shop's id.
            user: The shop's id of the shopper; None for nobody in particular.

        Raises:
            RequestError: The text is blank, or the graph does not hold the product or the shopper.
        """
        text, graph = normalise_text(query), self._model.graph
        if not text:
            raise RequestError(f"the query {query!r} is blank; give at least one word")
        node = find_node(graph, "product", product)
        shopper = NOBODY if user is None else find_node(graph, "user", user)
        asked = self._vectors.ask_texts(np.array([shopper], dtype=np.int32), [text])
        known, worded = self._vectors.describe_queries([text])
        request = request_parts(self._model, self._vectors.encoder, asked)
        parts = product_parts(self._model, self._vectors.encoder, node)
        cosine = split_cosine(request.parts, parts)
        if self._full is None:
            score, walk = ScoreSplit(score=cosine.cosine, cosine=cosine.cosine, vector=cosine.cosine, walk=0.0), None
        else:
            score, walk = split_walk(self._model, self._full, asked, node, self._choice)
        asked_node = int(asked.query[0])
        attends = shopper != NOBODY and self._model.towers.user.attention is not None
        return Explanation(
            query=text,
            query_known=bool(known[0]),
            user_id=None if user is None else graph.nodes("user").to_series(0)[shopper],
            choice=self._choice,
            product=self._named(node),
            as_of=to_datetime(self._view.time),
            notes=self._notes(asked, bool(known[0]), bool(worded[0]), user),
            ranks=self._ranks(shopper, text, node),
            score=score,
            cosine=cosine,
            attention=describe_attention(graph, request, parts, int(asked.recalling[0])) if attends else None,
            walk=walk,
            from_user=self._ways.find(("user", shopper), node) if shopper != NOBODY else (),
            from_query=self._ways.find(("query", asked_node), node) if asked_node >= 0 else (),
        )

    def _ranks(self, user: int, text: str, product: int) -> Ranks:
        full = self._vectors if self._full is None else self._full
        return Ranks(
            full=find_rank(full, user, text, product),
            vector=find_rank(self._vectors, user, text, product),
            walk=None if self._full is None else find_rank(self._alone, user, text, product),
            plain=None if user == NOBODY else find_rank(full, NOBODY, text, product),
        )

    def _named(self, product: int) -> ExplainedProduct:
        row = self._model.graph.nodes("product").row(product, named=True)
        category = row["category"]
        path = "" if category is None else self._model.graph.nodes("category")["path"][category]
        return ExplainedProduct(product_id=row["product_id"], title=row["title"], category=path)

    def _notes(self, asked: Asked, known: bool, worded: bool, user: str | int | None) -> tuple[str, ...]:
        notes = []
        if not known and not worded:
            notes.append("no part of any word of this query is known")
        elif not known:
            recalling = int(asked.recalling[0])
            nearest = self._model.graph.nodes("query")["query"][recalling] if recalling >= 0 else None
            notes.append("this query led to nothing before, so its text alone says what is wanted")
            if user is not None and nearest is not None:
                notes[-1] += f"; the history is called up in the categories of the nearest query, {nearest!r}"
        if user is not None and torch.equal(asked.vector, self._plain(asked)):
            notes.append(f"nothing that counts here was known of user {str(user)!r} yet, so the vectors are plain")
        return tuple(notes)

    def _plain(self, asked: Asked) -> torch.Tensor:
        return self._vectors.ask_texts(np.full(1, NOBODY, dtype=np.int32), asked.texts).vector
