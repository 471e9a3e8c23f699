"""The parts of a recipe that say how a shop's texts are read and matched."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gnn_search.config.base import StrictModel

Language = Literal[
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "chinese",
    "czech",
    "danish",
    "dutch",
    "english",
    "estonian",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "japanese",
    "korean",
    "lithuanian",
    "nepali",
    "norwegian",
    "persian",
    "polish",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "spanish",
    "swedish",
    "tamil",
    "thai",
    "turkish",
]
"""Languages of shops: those that Snowball has stems for, and those that are written without spaces."""


def _as_languages(value: object) -> object:
    """Read one name as a list of one, and `none` as a list of none."""
    if isinstance(value, str):
        return () if value == "none" else (value,)
    return value


Languages = Annotated[tuple[Language, ...], BeforeValidator(_as_languages)]

Weight = Annotated[float, Field(ge=0, le=100)]


class FieldWeights(StrictModel):
    """What a word counts in each field of a product, 0 for a field that is not searched."""

    title: Weight = Field(1.0, description="In the title.")
    brand: Weight = Field(0.5, description="In the brand.")
    category: Weight = Field(1.0, description="In the names of the category path.")
    description: Weight = Field(0.2, description="In the description, where the recipe names one.")


class LexicalSettings(StrictModel):
    """How the words of queries and products are read and matched."""

    language: Languages = Field(
        ("english",), description="Language of the texts, several in a list, or `none`: stems, stop words, compounds."
    )
    segmentation: Literal["characters", "words"] = Field(
        "characters",
        description="How text without spaces is cut: into pairs of neighbouring characters, or Chinese into words as well "
        "(which needs `pip install 'gnn-search[chinese]'`).",
    )
    fields: FieldWeights = Field(default_factory=FieldWeights, description="What a word counts in each field of a product.")
    synonyms: str | None = Field(
        None,
        description="Text file of synonyms, relative to the data folder: a line `soda, soft drink, pop`, or one way `tee => t-shirt`.",
    )
