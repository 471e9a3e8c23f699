"""Interaction features: the numbers by which the reranker scores a candidate."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float32, Int32
from gnn_search.config.training import RerankerSettings
from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.graph.store import EdgeType
from gnn_search.rerank.borrowed import BORROWED_FEATURES, borrowed_features
from gnn_search.rerank.candidates import CandidateIndex, Candidates
from gnn_search.rerank.interactions import Interactions
from gnn_search.rerank.word_matches import WORD_NUMBERS

_MOST_DAYS = 400.0
_NEVER_REPEATED = 200.0
_SMOOTHING = 0.1
QUERY_INTERACTION, QUERY_TIMES, QUERY_SHARE = "interaction for the query", "times for the query", "share of the query's interactions"
QUERY_DAYS, QUERY_PRODUCTS, KNOWN_QUERY = "days since interaction for the query", "products of the query", "known query"
"""Names of features of the query, with the product or in general."""


def feature_names(settings: RerankerSettings, partners: list[EdgeType]) -> list[str]:
    """Return the name of each column of `candidate_features`, partners being `partner_relations` of the graph."""
    days = [f"{half_life:g}" for half_life in settings.half_life_days]
    names = [QUERY_INTERACTION, QUERY_TIMES, QUERY_SHARE, QUERY_DAYS]
    names += [f"{QUERY_SHARE}, half-life {day} days" for day in days]
    names += [f"interactions, half-life {day} days" for day in days] + [f"first interactions, half-life {day} days" for day in days]
    names += ["users", "days since its first interaction"]
    for what in ("own product", "own category", "own brand"):
        names += [f"{what}", f"{what}: times", f"{what}: days since"] + [f"{what}: half-life {day} days" for day in days]
    names += ["own product: repurchase interval", "own product: days since, by the repurchase interval"]
    names += ["own interactions among the candidates", "own share among the candidates", "own recent share among the candidates"]
    names += ["own share of the brand", "own interactions", QUERY_PRODUCTS, KNOWN_QUERY]
    names += ["share of the category in the query's interactions", *WORD_NUMBERS]
    for rank in settings.factors:
        names += [f"similar users, {rank} factors", f"similar users, {rank} factors: direction"]
    names += BORROWED_FEATURES
    for _, relation, _ in partners:
        name = relation.removeprefix("rev_")
        names += [f"{name}: recent products", f"{name}: last basket"]
    return names


def candidate_features(
    index: CandidateIndex,
    user: Int32,
    query: Int32,
    history_query: Int32,
    candidates: Candidates,
    without: Int32 | None = None,
    lenders: Lenders | None = None,
) -> Float32:
    """Describe each candidate for its request.

    Counts and ages enter as logarithms; whatever a user or query of whom nothing is known would have is 0, so an unknown user's rows equal
    those of nobody.

    Args:
        index: What the graph says as of some time.
        user: Users of the requests, -1 for nobody.
        query: Queries of the requests, -1 for a new one.
        history_query: Queries whose categories the requests are about, -1 for none.
        candidates: From `CandidateIndex.find_candidates` for the same requests.
        without: Queries whose interactions are not to count in what is said of products, as if nobody had searched them.
        lenders: What the requests borrow from, as for `find_candidates`.

    Shapes:
        - user, query, history_query, without: int32 [n]
        - returns: float32 [pairs, features], columns as in `feature_names`
    """
    row, product = candidates.row, candidates.product.astype(np.int64)
    user_of, query_of = user[row].astype(np.int64), query[row].astype(np.int64)
    columns = _of_query(index, query_of, product)
    columns += _of_product(index, product, None if without is None else without[row].astype(np.int64))
    own = index.user_interactions.find(user_of, product, index.num_products)
    category, brand = index.product_category[product].astype(np.int64), index.product_brand[product].astype(np.int64)
    own_category = index.user_categories.find(np.where(category >= 0, user_of, -1), category, index.num_categories)
    own_brand = index.user_brands.find(np.where(brand >= 0, user_of, -1), brand, max(index.num_brands, 1))
    for interactions, place in ((index.user_interactions, own), (index.user_categories, own_category), (index.user_brands, own_brand)):
        columns += _of_user(interactions, place)
    columns += _repurchase_interval(index.user_interactions, own)
    columns += _among_candidates(index, own, candidates, len(user))
    total = np.where(user_of >= 0, index.user_totals[0][np.maximum(user_of, 0)], 0) if len(index.user_totals[0]) else np.zeros(len(row))
    columns += [_taken(index.user_brands.count, own_brand) / np.maximum(total, 1), np.log1p(total)]
    products = np.where(query_of >= 0, np.diff(index.query_interactions.indptr)[np.maximum(query_of, 0)], 0)
    columns += [np.log1p(products), products > 0]
    columns += [
        _category_share(index, history_query[row].astype(np.int64), category),
        np.log1p(candidates.words[:, 0]),
        candidates.words[:, 1:],
    ]
    columns += index.factors.columns(user_of, product)
    nothing = np.zeros((len(row), len(BORROWED_FEATURES)), dtype=np.float32)
    columns.append(nothing if lenders is None else borrowed_features(index, lenders, row, product))
    columns.append(np.log1p(candidates.partners).reshape(len(row), 2 * len(index.partner_relations)))
    return np.column_stack([np.asarray(column, dtype=np.float32) for column in columns])


def _of_query(index: CandidateIndex, query: np.ndarray, product: np.ndarray) -> list[np.ndarray]:
    place = index.query_interactions.find(query, product, index.num_products)
    known = np.maximum(query, 0)
    count, recent = index.query_totals
    count_total = np.where(query >= 0, count[known], 0)
    recent_total = np.where((query >= 0)[:, None], recent[known], 0)
    times = _taken(index.query_interactions.count, place)
    share = np.log((times + _SMOOTHING) / (count_total + 1))
    recent_share = np.log((_taken(index.query_interactions.recent, place) + _SMOOTHING) / (recent_total + 1))
    days = np.where(place >= 0, np.log1p(np.minimum(_taken(index.query_interactions.latest, place), _MOST_DAYS)), np.log1p(_MOST_DAYS))
    return [place >= 0, np.log1p(times), share, days, recent_share]


def _of_product(index: CandidateIndex, product: np.ndarray, without: np.ndarray | None) -> list[np.ndarray]:
    interactions = index.products
    recent, first, users, since = (
        values[product] for values in (interactions.recent, interactions.recent_first, interactions.users, interactions.since)
    )
    if without is not None:
        place = index.query_interactions.find(without, product, index.num_products)
        recent = np.maximum(recent - _taken(index.query_interactions.recent, place), 0)
        # Who came to it by several queries is not known here, so first interactions and users are the fewest that may be left.
        first = np.minimum(first, recent)
        users = np.maximum(users - _taken(index.query_interactions.count, place), 0)
        since = np.where(users > 0, since, 0)
    return [np.log(recent + _SMOOTHING), np.log(first + _SMOOTHING), np.log1p(users), np.log1p(np.minimum(since, _MOST_DAYS))]


def _category_share(index: CandidateIndex, history_query: np.ndarray, category: np.ndarray) -> np.ndarray:
    place = index.query_categories.find(np.where(category >= 0, history_query, -1), category, index.num_categories)
    total = np.where(history_query >= 0, index.query_totals[0][np.maximum(history_query, 0)], 0)
    return np.asarray(np.log((_taken(index.query_categories.count, place) + _SMOOTHING) / (total + 1)))


def _of_user(interactions: Interactions, place: np.ndarray) -> list[np.ndarray]:
    days = np.log1p(np.minimum(_taken(interactions.latest, place), _MOST_DAYS))
    return [place >= 0, np.log1p(_taken(interactions.count, place)), days, np.log1p(4 * _taken(interactions.recent, place))]


def _repurchase_interval(own: Interactions, place: np.ndarray) -> list[np.ndarray]:
    """Return the days after which the user buys the product again, and how much of them has passed."""
    count, latest, first = _taken(own.count, place), _taken(own.latest, place), _taken(own.first, place)
    # One interaction may weigh as much as several.
    between = np.where(first > latest, (first - latest) / np.maximum(count - 1, 1), _NEVER_REPEATED)
    return [np.log1p(between), np.where(place >= 0, np.minimum(latest / (between + 3), 5), 0)]


def _among_candidates(index: CandidateIndex, own: np.ndarray, candidates: Candidates, requests: int) -> list[np.ndarray]:
    # What is only near by vector does not count, so that a product's numbers do not depend on what else is described.
    row, own = candidates.row, np.where(candidates.from_graph, own, -1)
    count = _taken(index.user_interactions.count, own)
    late = _taken(index.user_interactions.recent[:, -2 if index.user_interactions.recent.shape[1] > 1 else -1], own)
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
