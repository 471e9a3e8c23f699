"""Make batches in a thread beside the training step."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
_END = object()


class Prefetch(Generic[Item]):
    """Iterate over items, of which a thread makes a few ahead, in order.

    The heavy parts of making a batch run in numpy with the interpreter lock released.

    Attributes:
        waited: Seconds that the reader has waited for items.
    """

    def __init__(self, items: Iterable[Item], ahead: int = 3) -> None:
        self._items, self._ahead = iter(items), ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self.waited = 0.0

    def __enter__(self) -> Prefetch[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Item]:
        ready = deque(self._make() for _ in range(self._ahead))
        while True:
            start = time.perf_counter()
            item = ready.popleft().result()
            self.waited += time.perf_counter() - start
            if item is _END:
                return
            ready.append(self._make())
            yield item

    def _make(self) -> Future[Any]:
        return self._pool.submit(next, self._items, _END)
