"""What a search from Python gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload


@dataclass(frozen=True)
class ProductHit:
    """One product found.

    Attributes:
        rank: From 1.
        product_id: The shop's id.
        title: Of the product.
        category: Its category path; empty for a product in none.
        score: What the list is ordered by; of the vectors alone the cosine.
    """

    rank: int
    product_id: str | int
    title: str
    category: str
    score: float


@dataclass(frozen=True)
class Hits(Sequence[ProductHit]):
    """The products found for one request, best first: a sequence of hits.

    Attributes:
        hits: The products.
        unknown_products: Events of the history that are left out, since their product is not in the graph.
        later_events: Events of the history that are left out, since they are not before the moment as of which is searched.
        notes: A sentence each for whatever makes the answer another than was asked for.
    """

    hits: tuple[ProductHit, ...]
    unknown_products: int = 0
    later_events: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[ProductHit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> ProductHit: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[ProductHit, ...]: ...

    def __getitem__(self, place: int | slice) -> ProductHit | tuple[ProductHit, ...]:
        return self.hits[place]
