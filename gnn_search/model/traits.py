"""Attributes of shoppers who are not in the graph."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from gnn_search.graph.store import Graph
from gnn_search.model.codes import Codes, code_values
from gnn_search.model.shared_attributes import SharedAttributes


@dataclass(frozen=True)
class Traits:
    """The attributes of some shoppers, as the user tower reads them.

    Shapes:
        attributes, shared: codes of one row a shopper; the latter None where the model has no attributes that products share.
    """

    attributes: Codes
    shared: Codes | None

    @classmethod
    def of(cls, graph: Graph, shared: SharedAttributes | None, users: pl.DataFrame) -> Traits:
        """Look up attributes; a value that no shopper of the graph has is unknown.

        Args:
            graph: The graph.
            shared: The model's attributes that shoppers and products share.
            users: With the attribute columns of the graph's shoppers.
        """
        known = graph.nodes("user")
        attributes = code_values(users, known.columns[1:], known)
        return cls(attributes, None if shared is None else shared.code_users(users))
