"""Items made ahead in a thread: in order, with their errors, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from gnn_search.training.prefetch import Prefetch


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_items_come_in_order():
    with Prefetch(range(50)) as items:
        assert list(items) == list(range(50))
    assert threads() == []


def test_nothing_to_make():
    with Prefetch(()) as items:
        assert list(items) == []


def test_none_is_an_item_like_any_other():
    with Prefetch([None, 0, None]) as items:
        assert list(items) == [None, 0, None]


def test_items_are_made_in_another_thread_and_not_too_far_ahead():
    made: list[int] = []
    names = set()

    def make() -> Iterator[int]:
        for number in range(100):
            names.add(threading.current_thread().name)
            made.append(number)
            yield number

    with Prefetch(make(), ahead=2) as items:
        assert next(iter(items)) == 0
        time.sleep(0.2)
        # One taken, two ready.
        assert len(made) == 3
    assert names == {"prefetch_0"}


def test_an_error_is_raised_after_the_items_before_it():
    def make() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("the third")

    with Prefetch(make()) as items:
        reader = iter(items)
        assert [next(reader), next(reader)] == [1, 2]
        with pytest.raises(KeyError, match="the third"):
            next(reader)
    assert threads() == []


def test_leaving_early_ends_the_thread():
    def make() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    with Prefetch(make()) as items:
        for item in items:
            if item == 5:
                break
    assert threads() == []


def test_an_error_of_the_reader_ends_the_thread():
    def read() -> None:
        with Prefetch(iter(int, 1)) as items:
            next(iter(items))
            raise ValueError("the reader's")

    with pytest.raises(ValueError, match="the reader's"):
        read()
    assert threads() == []


def test_waiting_is_measured():
    def slow() -> Iterator[int]:
        for number in range(3):
            time.sleep(0.05)
            yield number

    with Prefetch(slow()) as items:
        list(items)
        assert items.waited > 0.1
    with Prefetch(range(3)) as items:
        time.sleep(0.1)
        list(items)
        assert items.waited < 0.05
