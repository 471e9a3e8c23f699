"""Attributes that shoppers and products both have: one vector a value, whoever has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from gnn_search.config.training import SharedAttribute
from gnn_search.graph.store import Graph
from gnn_search.model.codes import code_shared
from gnn_search.model.value_table import ValueTable


class SharedAttributes(nn.Module):
    """Sum the vectors of a node's values over the levels of each attribute, coarse to fine.

    Args:
        graph: The graph.
        attributes: Of the configuration.
        dimension: Of the vectors.

    Raises:
        ConfigError: A column is none of the recipe's attributes.
    """

    def __init__(self, graph: Graph, attributes: Sequence[SharedAttribute], dimension: int) -> None:
        super().__init__()
        self._users, self._products = code_shared(graph, attributes)
        self.values = ValueTable(self._users.num_rows, dimension)

    def of_users(self, user: np.ndarray[tuple[int], np.dtype[np.integer]]) -> Tensor:
        """Return the shoppers' part: [n, d], zero for one of whom nothing is known. user: [n], -1 for none."""
        return self.values(self._users, user)  # type: ignore[no-any-return]

    def of_products(self, product: np.ndarray[tuple[int], np.dtype[np.integer]]) -> Tensor:
        """Return the products' part: [n, d]."""
        return self.values(self._products, product)  # type: ignore[no-any-return]
