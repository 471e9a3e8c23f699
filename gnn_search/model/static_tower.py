"""The static text tower: a table of tokens, a weighted mean, a projection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from gnn_search.arrays import Int32
from gnn_search.graph.store import Graph
from gnn_search.layout import ModelLayout, staged
from gnn_search.model.aggregation import Ragged
from gnn_search.model.features import TextNode, node_texts
from gnn_search.model.text_tower import TextTower
from gnn_search.model.tokens import TokenCutter, TokenLists


class StaticTower(TextTower):
    """Encode texts as the mean of their tokens' vectors, each with a learned weight, times a projection.

    It is linear in the tokens, so the trained tower folds into one plain matrix (Model2Vec's form).

    Shapes:
        - table: float32 [vocabulary, dimension], one vector a token to start from; by default drawn at random
    """

    def __init__(self, graph: Graph, tokenizer: Tokenizer, dimension: int, table: Tensor | None = None) -> None:
        super().__init__()
        self._graph, self.tokenizer, self._cut = graph, tokenizer, TokenCutter(tokenizer)
        self._lists: dict[TextNode, TokenLists] = {}
        vocabulary = tokenizer.get_vocab_size()
        self.tokens = nn.Parameter(torch.randn(vocabulary, dimension) * dimension**-0.5 if table is None else table.clone())
        self.importance = nn.Parameter(torch.zeros(vocabulary))
        self.projection = nn.Linear(dimension, dimension, bias=False)
        nn.init.eye_(self.projection.weight)

    def forward(self, texts: Sequence[str]) -> Tensor:
        lists = self._cut(texts)
        return self.mean(Ragged.of(lists.indptr, lists.token))

    def nodes(self, node_type: TextNode, rows: Int32 | None = None) -> Tensor:
        """See `TextTower.nodes`. A type's texts are cut into tokens when first asked for: a search with stored vectors needs few."""
        lists = self._lists.get(node_type)
        if lists is None:
            lists = self._lists[node_type] = self._cut(node_texts(self._graph, node_type))
        if rows is None:
            return self.mean(Ragged.of(lists.indptr, lists.token))
        return self.mean(Ragged.of_rows(lists.indptr, lists.token, rows))

    def knows(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """See `TextTower.knows`: those that hold a known token; the vector of any other is zero."""
        return np.diff(self._cut(texts).indptr) > 0

    def save(self, folder: Path) -> list[Path]:
        """See `TextTower.save`: the tokenizer."""
        file = ModelLayout(folder).tokenizer
        with staged(file, replace=True) as partial:
            partial.write_text(self.tokenizer.to_str(), encoding="utf-8")
        return [file]

    def table_parameters(self) -> list[nn.Parameter]:
        """Return the weights that train at the rate of embedding tables."""
        return [self.tokens, self.importance]

    def mean(self, texts: Ragged) -> Tensor:
        """Encode texts that are cut into tokens, each a mean: float32 [texts, dimension], not normalised."""
        weighted = Ragged(texts.index, texts.offsets, texts.weight * torch.exp(self.importance[texts.index]))
        return torch.as_tensor(self.projection(weighted.sum(self.tokens)))

    @torch.no_grad()
    def folded(self) -> Tensor:
        """Return one vector a token, of which a text's vector is the plain mean: float32 [vocabulary, dimension]."""
        return torch.as_tensor(self.projection(self.tokens * torch.exp(self.importance)[:, None]))
