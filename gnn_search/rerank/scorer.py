"""The reranker's network: interaction features beside the vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_SIMILARITY_SCALE = 20.0
_BLOCK = 1 << 16


class RerankScorer(nn.Module):
    r"""Score candidates, alone and together with the vectors.

    With the cosine s of request and product and the candidate's features x,

    .. math::
        f(s, x) = a s + g(x, s) \text{ for a candidate}, \quad f(s) = a s + b \text{ for any other product}, \qquad a > 0,

    and g a linear map plus one hidden layer. All other products thus keep the order of the vectors. A second map of x alone scores
    candidates without vectors.

    Args:
        features: Numbers that describe a candidate.
        hidden: Width of the hidden layer.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.alone = _Term(features, hidden)
        self.beside = _Term(features + 1, hidden)
        self.log_slope = nn.Parameter(torch.zeros(()))
        self.others = nn.Parameter(torch.zeros(()))

    @torch.no_grad()
    def standardise(self, features: Tensor) -> None:
        """Take mean and deviation of each feature from examples, float32 [candidates, features]."""
        self.mean.copy_(features.mean(dim=0))
        # Block by block: several times as fast as Tensor.std over the first dimension, and without a copy of the whole.
        squares = sum((block - self.mean).square_().sum(dim=0, dtype=torch.float64) for block in torch.split(features, _BLOCK))
        self.deviation.copy_((torch.as_tensor(squares) / len(features)).sqrt().clamp(min=1e-3))

    def score_candidates_alone(self, features: Tensor) -> Tensor:
        """Score candidates without the vectors: [candidates]."""
        return torch.as_tensor(self.alone(self._standard(features)))

    def score_candidates(self, features: Tensor, similarity: Tensor) -> Tensor:
        """Score candidates by features and vectors.

        Shapes:
            - features: [candidates, features]
            - similarity: [candidates], cosine of request and product
            - returns: [candidates]
        """
        scaled = _SIMILARITY_SCALE * similarity
        return torch.as_tensor(self.log_slope.exp() * scaled + self.beside(torch.cat([self._standard(features), scaled[:, None]], dim=1)))

    def score_others(self, similarity: Tensor) -> Tensor:
        """Score products that are no candidates, rising with the similarity; like its shape."""
        return self.log_slope.exp() * _SIMILARITY_SCALE * similarity + self.others

    def _standard(self, features: Tensor) -> Tensor:
        # A number far outside what was seen in fitting must not decide alone.
        return (features - self.mean).div_(self.deviation).clamp_(-6, 6)


class _Term(nn.Module):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.inner = nn.Linear(features, hidden)
        self.outer = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor((self.linear(x) + self.outer(functional.gelu(self.inner(x))))[:, 0])
