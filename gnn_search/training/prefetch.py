"""Make batches in a thread beside the training step."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Prefetch(Generic[Item]):
    """Iterate over items that a thread makes ahead, in order.

    The heavy parts of making a batch run in numpy with the interpreter lock released.

    Args:
        items: What to make, lazily.
        ahead: Items kept ready.
    """

    def __init__(self, items: Iterable[Item], ahead: int = 3) -> None:
        self._items = items
        self._ready: queue.Queue[tuple[str, Item | BaseException | None]] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
        self.waited = 0.0

    def __enter__(self) -> Prefetch[Item]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._ready.get(timeout=0.05)
            except queue.Empty:
                continue
        self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        while True:
            start = time.perf_counter()
            kind, item = self._ready.get()
            self.waited += time.perf_counter() - start
            if kind == "end":
                return
            if kind == "error":
                assert isinstance(item, BaseException)
                raise item
            yield item  # type: ignore[misc]

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._offer("item", item):
                    return
            self._offer("end", None)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits for the item
            self._offer("error", error)

    def _offer(self, kind: str, item: Item | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put((kind, item), timeout=0.05)
            except queue.Full:
                continue
            return True
        return False
