"""The same sums in the same order, whatever the threads do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def deterministic() -> Iterator[None]:
    """Let torch use only operations that give the same bytes each time, at one number of threads.

    Without it the gradient of an indexed tensor is summed by several threads in the order in which they come, and two runs differ in
    their last digits. The setting that was there before is put back.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    # The module is a property holder that the type stubs do not know.
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory only helps to find programs that read what they never wrote.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        memory.fill_uninitialized_memory = filled
