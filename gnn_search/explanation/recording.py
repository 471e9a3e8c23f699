"""Listen to a model's modules while it encodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn


@contextmanager
def recording(modules: Mapping[str, nn.Module | None]) -> Iterator[dict[str, Tensor]]:
    """Keep what modules return inside the block of code.

    So a tower need not know that it is explained, and what is explained is what it computed.

    Args:
        modules: By name; None, a part that is off, is left out.

    Yields:
        The last output of each module that was called, by name, in the order of the calls.
    """
    kept: dict[str, Tensor] = {}
    handles = [module.register_forward_hook(partial(_keep, kept, name)) for name, module in modules.items() if module is not None]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def _keep(kept: dict[str, Tensor], name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
    kept[name] = output
