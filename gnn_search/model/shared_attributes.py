"""Embeddings of attributes that users and products share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gnn_search.config.training import SharedAttribute
from gnn_search.graph.store import Graph
from gnn_search.model.aggregation import ValueTable
from gnn_search.model.codes import Codes, number_shared


class SharedAttributes(nn.Module):
    """Sum the vectors of a node's values over the levels of each attribute, coarse to fine.

    Attributes:
        user_values: The numbers of values by columns of the users.
        product_values: The same numbers by columns of the products.
        users: The codes of the graph's users.

    Raises:
        ConfigError: A column is none of the recipe's attributes.
    """

    def __init__(self, graph: Graph, attributes: Sequence[SharedAttribute], dimension: int) -> None:
        super().__init__()
        self.user_values, self.product_values = number_shared(graph, attributes)
        self.users, self._products = self.user_values.code(graph.nodes("user")), self.product_values.code(graph.nodes("product"))
        self.values = ValueTable(self.users.num_rows, dimension)

    def of_products(self, product: npt.NDArray[np.integer], codes: Codes | None = None) -> Tensor:
        """Return the part of products, rows of `codes` (by default the graph's), integers [n]: float32 [n, d]."""
        return torch.as_tensor(self.values((self._products if codes is None else codes).summed(product)))
