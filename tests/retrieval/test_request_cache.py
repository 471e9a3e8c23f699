"""The cache of requests' vectors: two lives, a bound, and several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.retrieval.request_cache import CacheCounts, CachedRequest, ContextKey, RequestCache, SessionKey


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def encoded(number: int) -> CachedRequest:
    return CachedRequest(number, -1, np.full(4, number, dtype=np.float32), known=True, understood=True, lenders=Lenders.nobody(1))


def context(number: int) -> ContextKey:
    return ContextKey(b"%d" % number)


def session(number: int) -> SessionKey:
    return SessionKey("s", "model", f"{number}")


def test_a_session_lives_shorter_than_a_context():
    clock = Clock()
    cache = RequestCache(session_seconds=10, context_seconds=100, clock=clock)
    cache.put(session(1), encoded(1))
    cache.put(context(1), encoded(2))
    clock.now = 9.9
    assert cache.get(session(1)).query == 1
    clock.now = 10.1
    assert cache.get(session(1)) is None
    assert cache.get(context(1)).query == 2
    assert cache.session == CacheCounts(hits=1, misses=1, entries=0)
    clock.now = 100.1
    assert cache.context == CacheCounts(hits=1, misses=0, entries=0)
    assert cache.get(context(1)) is None


def test_the_least_recently_used_goes_first():
    cache = RequestCache(size=2)
    for number in (1, 2):
        cache.put(context(number), encoded(number))
    cache.put(session(9), encoded(9))
    assert cache.get(context(1)).query == 1
    cache.put(context(3), encoded(3))
    assert [cache.get(context(number)) is not None for number in (1, 2, 3)] == [True, False, True]
    assert cache.get(session(9)).query == 9
    assert cache.context.entries == 2


def test_a_cache_of_no_size_keeps_nothing():
    cache = RequestCache(size=0)
    cache.put(context(1), encoded(1))
    assert cache.get(context(1)) is None
    assert cache.context == CacheCounts(hits=0, misses=1, entries=0)


def test_several_threads_get_what_was_put_and_are_counted():
    cache = RequestCache(size=50)

    def work(number: int) -> bool:
        key = context(number % 70)
        found = cache.get(key)
        cache.put(key, encoded(number % 70))
        return found is None or found.query == number % 70

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(4000)))
    assert cache.context.hits + cache.context.misses == 4000
    assert cache.context.entries == 50
