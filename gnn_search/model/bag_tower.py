"""The bag of pieces: a vector a token and a vector a term, and a text is their weighted sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.arrays import Int32
from gnn_search.graph.store import Graph
from gnn_search.graph.texts import TextNode, node_texts
from gnn_search.layout import ModelLayout, staged
from gnn_search.model.aggregation import Ragged, RowSums
from gnn_search.model.pretrained import principal_projection
from gnn_search.model.text_encoder import TermHasher
from gnn_search.model.text_tower import TextTower
from gnn_search.model.tokens import TokenCutter, TokenLists

_FIRST_TOKEN_WEIGHT = math.e
"""How much a token counts at first, beside the dozen terms of a word."""


@dataclass(frozen=True)
class Pieces:
    """The tokens and the terms of some texts; None for a part that the tower has not."""

    tokens: TokenLists | None
    terms: TokenLists | None


class BagTower(TextTower):
    r"""Encode texts by their pieces, to unit length times one learned number.

    With the tokens T and the terms S of a text,

    .. math::
        \mathbf{z} = \mathbf{P} \sum_{t \in T} e^{a_t} \mathbf{x}_t + \sum_{s \in S} \mathbf{y}_s, \qquad
        \text{text} = e^g \mathbf{z} / \lVert\mathbf{z}\rVert

    The sum is linear in the pieces, so the trained tower folds into one plain matrix, a row a piece (Model2Vec's form for the tokens).

    Args:
        graph: The shop.
        dimension: d.
        tokenizer: Cuts texts into tokens; None for a tower without them.
        hasher: Finds the terms; None for a tower without them.

    Shapes:
        - table: float32 [vocabulary, h], one vector a token that somebody else trained and that stays as it is, so that words that the log
          never had keep their places among the others; the projection, from h to d, learns. By default drawn at random, h = d, and learned.
    """

    def __init__(
        self, graph: Graph, dimension: int, tokenizer: Tokenizer | None, hasher: TermHasher | None, table: Tensor | None = None
    ) -> None:
        super().__init__()
        self._graph, self.dimension, self.tokenizer, self.hasher = graph, dimension, tokenizer, hasher
        self._cut_tokens = None if tokenizer is None else TokenCutter(tokenizer)
        self._pieces: dict[TextNode, Pieces] = {}
        self.log_gain = nn.Parameter(torch.zeros(()))
        if tokenizer is not None:
            vocabulary = tokenizer.get_vocab_size()
            drawn = torch.randn(vocabulary, dimension) * dimension**-0.5 if table is None else table.clone()
            self.tokens = nn.Parameter(drawn, requires_grad=table is None)
            self.importance = nn.Parameter(torch.zeros(vocabulary))
            self.projection = nn.Linear(drawn.shape[1], dimension, bias=False)
            with torch.no_grad():
                start = torch.eye(dimension) if table is None else principal_projection(table, dimension)
                self.projection.weight.copy_(start * (_FIRST_TOKEN_WEIGHT if hasher is not None else 1.0))
        if hasher is not None:
            self.terms = nn.Parameter(torch.randn(hasher.buckets, dimension) * dimension**-0.5)
            self._sum_terms = RowSums(self.terms)

    def forward(self, texts: Sequence[str]) -> Tensor:
        pieces = self.cut(texts)
        return self.encode(*(None if lists is None else Ragged.of(lists.indptr, lists.token) for lists in (pieces.tokens, pieces.terms)))

    def nodes(self, node_type: TextNode, rows: Int32 | None = None) -> Tensor:
        """See `TextTower.nodes`. A type's texts are cut when first asked for: a search with stored vectors needs few."""
        pieces = self._pieces.get(node_type)
        if pieces is None:
            pieces = self._pieces[node_type] = self.cut(node_texts(self._graph, node_type))
        if rows is None:
            rows = np.arange(self._graph.num_nodes[node_type], dtype=np.int32)
        parts = (pieces.tokens, pieces.terms)
        return self.encode(*(None if lists is None else Ragged.of_rows(lists.indptr, lists.token, rows) for lists in parts))

    def cut(self, texts: Sequence[str]) -> Pieces:
        """Cut texts into tokens and terms."""
        tokens = None if self._cut_tokens is None else self._cut_tokens(texts)
        return Pieces(tokens, None if self.hasher is None else TokenLists(*self.hasher(texts)))

    def encode(self, tokens: Ragged | None, terms: Ragged | None) -> Tensor:
        """Encode texts that are cut: float32 [texts, d], of length e^g, zero for a text without a piece."""
        parts = []
        if tokens is not None:
            weighted = Ragged(tokens.index, tokens.offsets, torch.exp(self.importance[tokens.index]))
            parts.append(self.projection(weighted.sum(self.tokens)))
        if terms is not None:
            parts.append(self._sum_terms(terms.index, terms.offsets))
        return functional.normalize(torch.stack(parts).sum(dim=0), dim=1) * torch.exp(self.log_gain)

    def knows(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """See `TextTower.knows`: those that hold a known token or any term; the vector of any other is zero."""
        pieces = self.cut(texts)
        found = [np.diff(lists.indptr) > 0 for lists in (pieces.tokens, pieces.terms) if lists is not None]
        return np.asarray(np.logical_or.reduce(found))

    def save(self, folder: Path) -> list[Path]:
        """See `TextTower.save`: the tokenizer, where there is one."""
        if self.tokenizer is None:
            return []
        file = ModelLayout(folder).tokenizer
        with staged(file, replace=True) as partial:
            partial.write_text(self.tokenizer.to_str(), encoding="utf-8")
        return [file]

    def table_parameters(self) -> list[nn.Parameter]:
        """Return the weights that train at the rate of embedding tables."""
        tokens = [] if self.tokenizer is None else [weight for weight in (self.tokens, self.importance) if weight.requires_grad]
        return tokens if self.hasher is None else [*tokens, self.terms]

    @torch.no_grad()
    def folded(self) -> Tensor:
        """Return one vector a piece, of which a text's direction is the plain sum: float32 [vocabulary + buckets, d], tokens first."""
        parts = []
        if self.tokenizer is not None:
            parts.append(torch.as_tensor(self.projection(self.tokens * torch.exp(self.importance)[:, None])))
        if self.hasher is not None:
            parts.append(self.terms)
        return torch.cat(parts)
