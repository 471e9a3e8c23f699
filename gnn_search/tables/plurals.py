"""The plural of English singulars, and back."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

_IRREGULAR = {
    "calf": "calves", "child": "children", "foot": "feet", "goose": "geese", "half": "halves", "hero": "heroes", "hoof": "hooves",
    "knife": "knives", "leaf": "leaves", "loaf": "loaves", "man": "men", "mango": "mangoes", "mouse": "mice", "potato": "potatoes",
    "scarf": "scarves", "shelf": "shelves", "thief": "thieves", "tomato": "tomatoes", "tooth": "teeth", "wife": "wives", "wolf": "wolves",
    "woman": "women",
}  # fmt: skip
_SINGULARS_IN_IE = (
    "brownie", "caddie", "calorie", "cookie", "foodie", "goalie", "goodie", "hoodie", "movie", "pixie", "rookie", "selfie", "smoothie",
    "sweetie", "veggie", "zombie",
)  # fmt: skip
_SINGULARS_IN_S = ("atlas", "bias", "canvas", "christmas", "cosmos", "gas", "lens", "texas")
_UNCHANGED = (
    "about", "all", "also", "and", "any", "are", "between", "but", "each", "for", "from", "has", "have", "into", "its", "more", "most",
    "news", "not", "only", "other", "over", "pants", "scissors", "series", "shorts", "some", "species", "than", "that", "the", "their",
    "them", "then", "these", "they", "this", "those", "through", "under", "very", "was", "were", "what", "when", "which", "with",
    "without", "you", "your",
)  # fmt: skip
"""Words with no other number: those of the grammar, and plurals without a singular."""


def change_number(words: Sequence[str]) -> list[str]:
    """Return the plural of each English singular, and the singular of each plural, by the rules of spelling.

    Words are lower case. One with fewer than three letters or with anything but the letters a to z stays as it is, as do words of the
    grammar. The rules are the regular ones, those of Harman, "How effective is suffixing?" (JASIS 42, 1991), made to give real words, with
    the commonest exceptions: what they make of a rare exception (axes, bassos) is wrong. They don't know verbs and adjectives from nouns.

    Shapes:
        - words: [n]
        - Returns [n]
    """
    frame = pl.DataFrame({"word": pl.Series(words, dtype=pl.String)})
    word = pl.col("word")
    changeable = word.str.contains("^[a-z]{3,}$") & ~word.is_in(_UNCHANGED)
    irregular = {**_IRREGULAR, **{plural: singular for singular, plural in _IRREGULAR.items()}}
    changed = (
        pl.when(word.is_in(list(irregular)))
        .then(word.replace(irregular))
        .when(_is_plural(word))
        .then(_singular(word))
        .otherwise(_plural(word))
    )
    return frame.select(pl.when(changeable).then(changed).otherwise(word))["word"].to_list()


def _is_plural(word: pl.Expr) -> pl.Expr:
    return word.str.ends_with("s") & ~word.str.contains("(ss|us|is)$") & ~word.is_in(_SINGULARS_IN_S)


def _singular(word: pl.Expr) -> pl.Expr:
    stem = word.str.strip_suffix("s")
    sibilant = word.str.contains("(ss|x|zz|ch|sh|[^aeiou]us)es$") | word.is_in([f"{singular}es" for singular in _SINGULARS_IN_S])
    return (
        pl.when(sibilant)
        .then(word.str.strip_suffix("es"))
        .when(word.str.contains("^..+[^aeiou]ies$") & ~stem.is_in(_SINGULARS_IN_IE))
        .then(word.str.replace("ies$", "y"))
        .otherwise(stem)
    )


def _plural(word: pl.Expr) -> pl.Expr:
    return (
        pl.when(word.str.contains("(s|x|z|ch|sh)$"))
        .then(word + "es")
        .when(word.str.contains("[^aeiou]y$"))
        .then(word.str.replace("y$", "ies"))
        .otherwise(word + "s")
    )
