"""Embeddings of attributes that users and products share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor, nn

from gnn_search.config.training import SharedAttribute
from gnn_search.graph.store import Graph
from gnn_search.model.aggregation import ValueTable
from gnn_search.model.codes import Codes, code_shared


class SharedAttributes(nn.Module):
    """Sum the vectors of a node's values over the levels of each attribute, coarse to fine.

    Args:
        graph: The graph.
        attributes: Of the configuration.
        dimension: Of the vectors.

    Attributes:
        users: The codes of the graph's users.

    Raises:
        ConfigError: A column is none of the recipe's attributes.
    """

    def __init__(self, graph: Graph, attributes: Sequence[SharedAttribute], dimension: int) -> None:
        super().__init__()
        self._graph, self._attributes = graph, attributes
        self.users, self._products = code_shared(graph, attributes)
        self.values = ValueTable(self.users.num_rows, dimension)

    def of_products(self, product: npt.NDArray[np.integer], codes: Codes | None = None) -> Tensor:
        """Return the products' part: float32 [n, d].

        Args:
            product: Rows of `codes`, integers [n].
            codes: Of products, by default of the graph's.
        """
        return torch.as_tensor(self.values((self._products if codes is None else codes).summed(product)))

    def code_users(self, users: pl.DataFrame) -> Codes:
        """Look up the values of users who are not in the graph."""
        return code_shared(self._graph, self._attributes, users=users)[0]

    def code_products(self, products: pl.DataFrame) -> Codes:
        """Look up the values of products that are not in the graph."""
        return code_shared(self._graph, self._attributes, products=products)[1]
