"""Keep the vectors of requests for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
from cachetools import TTLCache

from gnn_search.graph.known_queries.lenders import Lenders

SESSION_SECONDS = 30 * 60.0
CONTEXT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, eq=False)
class CachedRequest:
    """What encoding one request gave; see `EncodedRequests`.

    Shapes:
        - vector: float32 [d], not to be changed
    """

    query: int
    history_query: int
    vector: npt.NDArray[np.float32]
    known: bool
    understood: bool
    lenders: Lenders | None


@dataclass(frozen=True)
class SessionKey:
    """A query of a session. What the user did since its first search in the session does not count."""

    session: str
    model: str
    query: str


@dataclass(frozen=True)
class ContextKey:
    """A hash of all that the vector depends on: model, time, query, user and history."""

    digest: bytes


CacheKey = SessionKey | ContextKey


@dataclass(frozen=True)
class CacheCounts:
    """Hits and misses of one scheme of keys, and how many vectors it holds."""

    hits: int
    misses: int
    entries: int


class RequestCache:
    """Keeps vectors of requests under two schemes of keys, the session's for a short time and the context's for a long one.

    Both are those of Etsy's search (Jha et al., arXiv 2306.04833). Each scheme holds a bounded number of vectors; the least recently used
    goes first. Several threads may use it at once.

    Args:
        size: Most vectors a scheme; 0 keeps none.
        session_seconds: How long a session's vector lives.
        context_seconds: How long a context's vector lives.
        clock: Says what time it is, seconds.
    """

    def __init__(
        self,
        size: int = 10_000,
        session_seconds: float = SESSION_SECONDS,
        context_seconds: float = CONTEXT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock, self._size = Lock(), size
        self._kept: dict[type, TTLCache[Hashable, CachedRequest]] = {
            SessionKey: TTLCache(size, session_seconds, clock),
            ContextKey: TTLCache(size, context_seconds, clock),
        }
        self._hits, self._misses = dict.fromkeys(self._kept, 0), dict.fromkeys(self._kept, 0)

    def get(self, key: CacheKey) -> CachedRequest | None:
        """Return what is kept under a key, and count whether there was anything."""
        with self._lock:
            found = self._kept[type(key)].get(key)
            counted = self._misses if found is None else self._hits
            counted[type(key)] += 1
        return found

    def put(self, key: CacheKey, encoded: CachedRequest) -> None:
        """Keep a vector."""
        if not self._size:
            return
        with self._lock:
            self._kept[type(key)][key] = encoded

    @property
    def session(self) -> CacheCounts:
        """Return how the keys of sessions did."""
        return self._count(SessionKey)

    @property
    def context(self) -> CacheCounts:
        """Return how the keys of contexts did."""
        return self._count(ContextKey)

    def _count(self, scheme: type) -> CacheCounts:
        with self._lock:
            self._kept[scheme].expire()
            return CacheCounts(self._hits[scheme], self._misses[scheme], len(self._kept[scheme]))
