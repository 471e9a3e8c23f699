"""Coverage: how much of the catalogue the lists show at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Coverage:
    """Remembers which products were listed.

    Args:
        num_products: Size of the catalogue.
    """

    def __init__(self, num_products: int) -> None:
        self._listed = np.zeros(num_products, dtype=np.bool_)

    def add(self, product: NDArray[np.int32]) -> None:
        """Count some lists, int32[lists, k], -1 is padding."""
        self._listed[product[product >= 0]] = True

    @property
    def products(self) -> int:
        """Products that stand in a list."""
        return int(self._listed.sum())
