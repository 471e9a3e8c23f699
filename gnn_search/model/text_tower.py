"""The static text tower: a table of tokens, a weighted mean, a projection."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gnn_search.model.ragged import Ragged


class TextTower(nn.Module):
    """Encode texts as the mean of their tokens' vectors, each with a learned weight, times a projection.

    It is linear in the tokens, so the trained tower folds into one plain matrix (Model2Vec's form).

    Args:
        vocabulary: Number of tokens.
        dimension: Of the vectors.
    """

    def __init__(self, vocabulary: int, dimension: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(vocabulary, dimension) * dimension**-0.5)
        self.importance = nn.Parameter(torch.zeros(vocabulary))
        self.projection = nn.Linear(dimension, dimension, bias=False)
        nn.init.eye_(self.projection.weight)

    def forward(self, texts: Ragged) -> Tensor:
        """Encode texts.

        Args:
            texts: The tokens of each text, as a mean.

        Shapes:
            Returns float32 [texts, dimension], not normalised.
        """
        weighted = Ragged(texts.index, texts.offsets, texts.weight * torch.exp(self.importance[texts.index]))
        return torch.as_tensor(self.projection(weighted.sum(self.tokens)))

    @torch.no_grad()
    def folded(self) -> Tensor:
        """Return one vector a token, of which a text's vector is the plain mean: float32 [vocabulary, dimension]."""
        return torch.as_tensor(self.projection(self.tokens * torch.exp(self.importance)[:, None]))
