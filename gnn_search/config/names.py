"""Names that events and recipes give to relations. They become folders of the graph, so none may lead elsewhere."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

RESERVED = ("leads_to", "issues", "in", "child_of", "bought_with")
"""Relations that the graph makes itself."""
_REVERSE = "rev_"
_PLAIN = re.compile(r"[^\W_][\w .:+&-]{0,49}")


def relation_fault(name: str) -> str | None:
    """Say why a relation can't have a name; None where it can."""
    if not _PLAIN.fullmatch(name):
        return "it must be 1 to 50 letters, digits, spaces or _ - . : + &, and begin with a letter or a digit"
    if name in RESERVED or name.startswith(_REVERSE):
        return f"{', '.join(RESERVED)} and names that begin with {_REVERSE} are the graph's own"
    return None


def _free(name: str) -> str:
    if fault := relation_fault(name):
        raise ValueError(f"{name!r} can't name a relation: {fault}")
    return name


def _stored(name: str) -> str:
    if not _PLAIN.fullmatch(name.removeprefix(_REVERSE)):
        raise ValueError(f"{name!r} can't be a part of a folder's name")
    return name


RelationName = Annotated[str, AfterValidator(_free)]
"""What a recipe may call a relation."""
StoredName = Annotated[str, AfterValidator(_stored)]
"""What a graph folder may call a node type or a relation, reverse ones too."""
