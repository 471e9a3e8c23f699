"""What the slices of an evaluation are, in words."""

from __future__ import annotations

from collections.abc import Iterable

_WORDS = {
    "all": "every case",
    "repeat": "products that the shopper had chosen before the period",
    "first-time": "products that the shopper had not chosen before",
    "new product": "products that nobody had chosen before the period",
    "tail product": "the products chosen least: all together they have a third of the choices before the period",
    "new query": "queries that nobody had asked before the period",
    "tail query": "the queries asked least: all together they have a third of the choices before the period",
    "torso query": "queries between head and tail",
    "head query": "the queries asked most: all together they have a third of the choices before the period",
    "1 word": "queries of one word",
    "2 words": "queries of two words",
    "3 words": "queries of three words",
    "4 words or more": "queries of four words or more",
    "anonymous": "cases without a shopper",
    "new user": "shoppers of whom the log held nothing before the period",
    "light user": "the shoppers who chose least: all together they made a third of the choices before the period",
    "heavy user": "the shoppers who chose most: all together they made a third; those between light and heavy have no slice",
    "held-out user": "shoppers made new for the test",
    "held-out product": "products made new for the test",
}
_CATEGORY = "category: "


def slice_words(names: Iterable[str]) -> dict[str, str]:
    """Say of some slices what belongs to them; top categories together, and others as what the shop declared."""
    told: dict[str, str] = {}
    for name in names:
        if name.startswith(_CATEGORY):
            told["category: …"] = "products of a top category, of those with the most choices"
        else:
            told[name] = _WORDS.get(name, "as the shop's recipe says: a value of a label, or a slice that it declares")
    return told
