"""The paired randomisation test over shoppers (Smucker, Allan and Carterette, 2007, who find it the one to use in retrieval)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES = 1 << 25
_ROUNDING = 1e-9
"""Share of the summed differences by which two equal sums may differ in floating point."""


def randomisation_test(differences: NDArray[np.float64], flips: int, seed: int) -> NDArray[np.float64]:
    """Return how likely a difference this large would be if the names of the two methods said nothing.

    Then the sign of each shopper's difference would be a toss of a coin. The p-value is the share of tosses, the observed one among them
    (Phipson and Smyth, 2010), whose sum lies at least as far from zero. A shopper's cases keep one sign together, as they resemble each
    other. Columns see the same tosses.

    Args:
        differences: What the one method has more than the other, summed over the cases of each shopper.
        flips: How often all coins are tossed.
        seed: The same seed gives the same bytes.

    Shapes:
        differences: float64[shoppers, columns]; result: float64[columns].
    """
    random = np.random.Generator(np.random.Philox(seed))
    shoppers = len(differences)
    observed = np.abs(differences.sum(axis=0))
    least = observed - _ROUNDING * np.abs(differences).sum(axis=0)
    width = -(-shoppers // 8)
    block = max(1, min(flips, _BLOCK_BYTES // (8 * max(shoppers, 1))))
    extreme = np.zeros(differences.shape[1], dtype=np.int64)
    for start in range(0, flips, block):
        size = min(block, flips - start)
        bits = random.integers(0, 256, size=(size, width), dtype=np.uint8)
        signs = np.unpackbits(bits, axis=1, count=shoppers).astype(np.float64) * 2 - 1
        extreme += np.count_nonzero(np.abs(signs @ differences) >= least, axis=0)
    return (extreme + 1) / (flips + 1)
