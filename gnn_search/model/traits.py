"""Attributes of users who are not in the graph."""

from __future__ import annotations

from dataclasses import dataclass

from gnn_search.model.codes import Codes


@dataclass(frozen=True)
class Traits:
    """The attributes of some users, as the user tower reads them.

    Shapes:
        - attributes: codes, a row a user
        - shared: codes, a row a user; None where the model has no attributes that products share
    """

    attributes: Codes
    shared: Codes | None
