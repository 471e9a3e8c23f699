"""One vector for each value of some columns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gnn_search.model.ragged import Lists


class ValueTable(nn.Module):
    """Sum or average the vectors of a node's values.

    Args:
        num_rows: Values of all columns together.
        dimension: Of the vectors.
    """

    def __init__(self, num_rows: int, dimension: int) -> None:
        super().__init__()
        # Small beside a text, which a value only adds to.
        self.weight = nn.Parameter(torch.randn(num_rows, dimension) * 0.1 * dimension**-0.5)

    def forward(self, codes: Lists) -> Tensor:
        """Return one vector a node, float32 [n, d].

        Args:
            codes: Rows of the table for each node, from `Codes`.
        """
        return codes.sum(self.weight)

    def table_parameters(self) -> list[nn.Parameter]:
        """Return the weights that train at the rate of embedding tables."""
        return [self.weight]
