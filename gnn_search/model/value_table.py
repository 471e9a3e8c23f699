"""One vector for each value of some columns."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.model.codes import Codes


class ValueTable(nn.Module):
    """Sum the vectors of a node's values; an unknown value adds nothing.

    Args:
        num_rows: Values of all columns together.
        dimension: Of the vectors.
    """

    def __init__(self, num_rows: int, dimension: int) -> None:
        super().__init__()
        # Small beside a text, which a value only adds to.
        self.weight = nn.Parameter(torch.randn(num_rows, dimension) * 0.1 * dimension**-0.5)

    def forward(self, codes: Codes, nodes: np.ndarray[tuple[int], np.dtype[np.integer]]) -> Tensor:
        """Return the sums for some nodes, -1 standing for none.

        Shapes:
            nodes: integers [n]. Returns [n, d].
        """
        code = np.where(nodes[:, None] >= 0, codes.code[np.maximum(nodes, 0)], -1)
        known = torch.from_numpy((code >= 0).astype(np.float32))
        return functional.embedding_bag(torch.from_numpy(np.maximum(code, 0)), self.weight, mode="sum", per_sample_weights=known)
