"""The numbers that a walk's products are scored by."""

from __future__ import annotations

import numpy as np

from gnn_search.config.training import RerankerSettings
from gnn_search.graph.csr import Float32, Int32
from gnn_search.graph.store import EdgeType
from gnn_search.sampling.walk.evidence import Evidence
from gnn_search.sampling.walk.index import Reached, WalkIndex

_MOST_DAYS = 400.0
_NEVER_REPEATED = 200.0
_SMOOTHING = 0.1


def feature_names(settings: RerankerSettings, partners: list[EdgeType]) -> list[str]:
    """Return the name of each column of `walk_features`, partners being `partner_relations` of the graph."""
    days = [f"{half_life:g}" for half_life in settings.half_life_days]
    names = ["query led to it", "times for the query", "share of the query's choices", "days since chosen for the query"]
    names += [f"share of the query's choices, half-life {day} days" for day in days]
    names += [f"choices, half-life {day} days" for day in days] + [f"first choices, half-life {day} days" for day in days]
    names += ["shoppers", "days since its first choice"]
    for what in ("own product", "own category", "own brand"):
        names += [f"{what}", f"{what}: times", f"{what}: days since"] + [f"{what}: half-life {day} days" for day in days]
    names += ["own product: days between choices", "own product: days since, by the days between"]
    names += ["own choices among those reached", "own share among those reached", "own recent share among those reached"]
    names += ["own share of the brand", "own choices", "products of the query", "query asked before"]
    names += ["share of the category in the query's choices", "words: share of the best match", "words: BM25"]
    for rank in settings.factors:
        names += [f"shoppers alike, {rank} factors", f"shoppers alike, {rank} factors: direction"]
    for _, relation, _ in partners:
        name = relation.removeprefix("rev_")
        names += [f"{name}: recent choices", f"{name}: last basket"]
    return names


def walk_features(index: WalkIndex, user: Int32, query: Int32, recalling: Int32, reached: Reached, without: Int32 | None = None) -> Float32:
    """Describe each reached product for its request.

    Counts and ages enter as logarithms; what a shopper or query of whom nothing is known would have is 0, so an unknown shopper's rows
    equal those of nobody.

    Args:
        index: Evidence as of a moment.
        user: Shoppers of the requests, -1 for nobody.
        query: Queries of the requests, -1 for one that nobody asked before.
        recalling: Queries whose categories the requests are about, -1 for none.
        reached: From `WalkIndex.reach` for the same requests.
        without: Queries whose choices are not to count in what is said of products, as if nobody had asked them.

    Shapes:
        user, query, recalling, without: int32 [n]. Returns float32 [pairs, features], columns as in `feature_names`.
    """
    row, product = reached.row, reached.product.astype(np.int64)
    shopper, asked = user[row].astype(np.int64), query[row].astype(np.int64)
    columns = _of_query(index, asked, product)
    columns += _of_product(index, product, None if without is None else without[row].astype(np.int64))
    own = index.own.find(shopper, product, index.num_products)
    category, brand = index.product_category[product].astype(np.int64), index.product_brand[product].astype(np.int64)
    own_category = index.own_category.find(np.where(category >= 0, shopper, -1), category, index.num_categories)
    own_brand = index.own_brand.find(np.where(brand >= 0, shopper, -1), brand, max(index.num_brands, 1))
    for evidence, place in ((index.own, own), (index.own_category, own_category), (index.own_brand, own_brand)):
        columns += _of_shopper(evidence, place)
    columns += _rhythm(index.own, own)
    columns += _among_reached(index, own, reached, len(user))
    total = np.where(shopper >= 0, index.own_totals[0][np.maximum(shopper, 0)], 0) if len(index.own_totals[0]) else np.zeros(len(row))
    columns += [_taken(index.own_brand.count, own_brand) / np.maximum(total, 1), np.log1p(total)]
    products = np.where(asked >= 0, np.diff(index.asked.indptr)[np.maximum(asked, 0)], 0)
    columns += [np.log1p(products), products > 0]
    columns += [_category_share(index, recalling[row].astype(np.int64), category), reached.words[:, 1], np.log1p(reached.words[:, 0])]
    columns += index.factors.columns(shopper, product)
    columns += [np.log1p(reached.partners).reshape(len(row), 2 * len(index.partner_relations))]
    return np.column_stack([np.asarray(column, dtype=np.float32) for column in columns])


def _of_query(index: WalkIndex, asked: np.ndarray, product: np.ndarray) -> list[np.ndarray]:
    place = index.asked.find(asked, product, index.num_products)
    known = np.maximum(asked, 0)
    count, recent = index.asked_totals
    count_total = np.where(asked >= 0, count[known], 0)
    recent_total = np.where((asked >= 0)[:, None], recent[known], 0)
    times = _taken(index.asked.count, place)
    share = np.log((times + _SMOOTHING) / (count_total + 1))
    recent_share = np.log((_taken(index.asked.recent, place) + _SMOOTHING) / (recent_total + 1))
    days = np.where(place >= 0, np.log1p(np.minimum(_taken(index.asked.latest, place), _MOST_DAYS)), np.log1p(_MOST_DAYS))
    return [place >= 0, np.log1p(times), share, days, recent_share]


def _of_product(index: WalkIndex, product: np.ndarray, without: np.ndarray | None) -> list[np.ndarray]:
    evidence = index.products
    recent, first, shoppers, since = (
        values[product] for values in (evidence.recent, evidence.recent_first, evidence.shoppers, evidence.since)
    )
    if without is not None:
        place = index.asked.find(without, product, index.num_products)
        recent = np.maximum(recent - _taken(index.asked.recent, place), 0)
        # Who chose it for several queries is not known here, so first choices and shoppers are the fewest that may be left.
        first = np.minimum(first, recent)
        shoppers = np.maximum(shoppers - _taken(index.asked.count, place), 0)
        since = np.where(shoppers > 0, since, 0)
    return [np.log(recent + _SMOOTHING), np.log(first + _SMOOTHING), np.log1p(shoppers), np.log1p(np.minimum(since, _MOST_DAYS))]


def _category_share(index: WalkIndex, recalling: np.ndarray, category: np.ndarray) -> np.ndarray:
    place = index.asked_category.find(np.where(category >= 0, recalling, -1), category, index.num_categories)
    total = np.where(recalling >= 0, index.asked_totals[0][np.maximum(recalling, 0)], 0)
    return np.asarray(np.log((_taken(index.asked_category.count, place) + _SMOOTHING) / (total + 1)))


def _of_shopper(evidence: Evidence, place: np.ndarray) -> list[np.ndarray]:
    days = np.log1p(np.minimum(_taken(evidence.latest, place), _MOST_DAYS))
    return [place >= 0, np.log1p(_taken(evidence.count, place)), days, np.log1p(4 * _taken(evidence.recent, place))]


def _rhythm(own: Evidence, place: np.ndarray) -> list[np.ndarray]:
    """Return how often the shopper comes back for the product, and how far into that time the moment lies."""
    count, latest, first = _taken(own.count, place), _taken(own.latest, place), _taken(own.first, place)
    # One choice may weigh as much as several.
    between = np.where(first > latest, (first - latest) / np.maximum(count - 1, 1), _NEVER_REPEATED)
    return [np.log1p(between), np.where(place >= 0, np.minimum(latest / (between + 3), 5), 0)]


def _among_reached(index: WalkIndex, own: np.ndarray, reached: Reached, requests: int) -> list[np.ndarray]:
    # What is only near by vector does not count, so that a product's numbers do not depend on what else is described.
    row, own = reached.row, np.where(reached.walked, own, -1)
    count = _taken(index.own.count, own)
    late = _taken(index.own.recent[:, -2 if index.own.recent.shape[1] > 1 else -1], own)
    total = np.bincount(row, weights=count, minlength=requests)[row]
    late_total = np.bincount(row, weights=late, minlength=requests)[row]
    return [np.log1p(total), count / np.maximum(total, 1), late / np.maximum(late_total, _SMOOTHING)]


def _taken(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the values at some places, 0 where the place is negative."""
    if not len(values):
        return np.zeros((len(place), *values.shape[1:]), dtype=np.float32)
    found = values[np.maximum(place, 0)]
    found[place < 0] = 0
    return np.asarray(found)
