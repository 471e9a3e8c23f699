"""Map product vectors onto their first two principal components, with the nearest neighbours of a few."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float32, Float64, Int64
from gnn_search.config.base import StrictModel
from gnn_search.evaluation.case_table import dividing_categories
from gnn_search.graph.store import Graph, GraphView
from gnn_search.index.flat import FlatIndex

OTHERS = "others"
_COLOURED = 8
"""Groups told apart; a reader can't tell more colours."""


class MapPoint(StrictModel):
    """A product's place on the map; `group` is its top category, or `others`."""

    product_id: str | int
    title: str
    group: str
    x: float
    y: float


class Neighbour(StrictModel):
    """A product near another, with their cosine."""

    product_id: str | int
    title: str
    cosine: float


class Surroundings(StrictModel):
    """A product and those with the nearest vectors, the nearest first."""

    product_id: str | int
    title: str
    neighbours: tuple[Neighbour, ...]


class ProductMap(StrictModel):
    """The map.

    Attributes:
        products: How many vectors the components are of.
        variance: Share of the vectors' variance along x and along y.
        groups: Top categories by the number of products, the largest first, then `others` where there are any.
        points: The most popular products, at most as many as requested, by node.
        surroundings: The neighbours of the most popular product in each of the largest groups.
    """

    products: int
    variance: tuple[float, float]
    groups: tuple[str, ...]
    points: tuple[MapPoint, ...]
    surroundings: tuple[Surroundings, ...]


def map_products(view: GraphView, vectors: Float32, most: int = 1500, examples: int = 6, neighbours: int = 5) -> ProductMap:
    """Project all product vectors onto two principal components, and place the most popular products there.

    Shapes:
        - vectors: float32 [products, d], d at least 2
    """
    graph, products = view.graph, view.graph.nodes("product")
    place, variance = _principal_plane(vectors)
    names, group = _groups(graph)
    popularity = view.edges(("query", "leads_to", "product")).degree()
    order = np.lexsort((np.arange(len(popularity)), -popularity))
    shown = np.sort(order[:most])
    ids, titles = products.to_series(0), products["title"]
    return ProductMap(
        products=len(vectors),
        variance=variance,
        groups=tuple(names),
        points=tuple(
            MapPoint(product_id=ids[one], title=titles[one], group=names[group[one]], x=place[one, 0], y=place[one, 1])
            for one in shown.tolist()
        ),
        surroundings=_surroundings(graph, vectors, order[np.unique(group[order], return_index=True)[1]][:examples].tolist(), neighbours),
    )


def _principal_plane(vectors: Float32) -> tuple[Float64, tuple[float, float]]:
    """Return coordinates along the two principal components, [products, 2], and their shares of the variance."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    spread, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, [-1, -2]]
    # An axis has no direction of its own: its largest entry shall be above 0.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    shares = spread[[-1, -2]] / max(float(spread.sum()), 1e-12)
    return centred @ axes, (float(shares[0]), float(shares[1]))


def _groups(graph: Graph) -> tuple[list[str], Int64]:
    """Return the names of the groups and each product's: the highest level of the tree at which products differ."""
    category = np.asarray(graph.taxonomy.product_category)
    level = dividing_categories(graph.taxonomy, category)
    counted = np.bincount(level[level >= 0], minlength=1)
    kept = [int(one) for one in np.argsort(-counted, kind="stable")[:_COLOURED] if counted[one]]
    named = graph.nodes("category")["name"].gather(kept)
    names = named if named.n_unique() == len(kept) else graph.nodes("category")["path"].gather(kept)
    number = np.full(len(counted) + 1, len(kept))
    number[kept] = np.arange(len(kept))
    # The last entry, which -1 finds, stands for a product in no category.
    group = number[level]
    return names.to_list() + ([OTHERS] if (group == len(kept)).any() else []), group


def _surroundings(graph: Graph, vectors: Float32, product: list[int], most: int) -> tuple[Surroundings, ...]:
    ids, titles = graph.nodes("product").to_series(0), graph.nodes("product")["title"]
    cosine, near = FlatIndex.build(vectors).search(vectors[product], min(most + 1, len(vectors)))
    found = []
    for place, one in enumerate(product):
        others = [
            Neighbour(product_id=ids[other], title=titles[other], cosine=value)
            for other, value in zip(near[place].tolist(), cosine[place].tolist(), strict=True)
            if other != one
        ]
        found.append(Surroundings(product_id=ids[one], title=titles[one], neighbours=tuple(others[:most])))
    return tuple(found)
