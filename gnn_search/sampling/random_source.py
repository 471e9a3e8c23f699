"""Counter-based random numbers: what is drawn for an example depends on nothing but its key."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Int64

UInt32 = npt.NDArray[np.uint32]

_ROUNDS = 10
_MULTIPLIER = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


class RandomSource:
    """Random numbers keyed by (seed, epoch, example, purpose), from Philox4x32-10.

    Any order, batch size, thread count or restart gives an example the same numbers. Method: Salmon et al., "Parallel random numbers: as
    easy as 1, 2, 3" (SC 2011).
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def uint32(self, purpose: str, epoch: int, examples: Int64, count: int) -> UInt32:
        """Draw `count` numbers for each example.

        Shapes:
            - examples: int64 [n], non-negative keys
            - Returns uint32 [n, count]
        """
        blocks = -(-count // 4)
        example = np.repeat(np.asarray(examples, dtype=np.uint64), blocks)
        block = np.tile(np.arange(blocks, dtype=np.uint64), len(examples))
        counter = (block, example & _LOW, example >> _SHIFT, np.full(len(block), epoch, dtype=np.uint64))
        words = philox(counter, (self.seed & 0xFFFFFFFF, zlib.crc32(purpose.encode())))
        return np.stack(words, axis=1).reshape(len(examples), blocks * 4)[:, :count].astype(np.uint32)

    def uniform(self, purpose: str, epoch: int, examples: Int64, count: int) -> npt.NDArray[np.float64]:
        """Draw numbers in [0, 1) of 32 random bits each: float64 [n, count]."""
        return self.uint32(purpose, epoch, examples, count).astype(np.float64) * 2.0**-32

    def generator(self, purpose: str, epoch: int) -> np.random.Generator:
        """Return numpy's generator for what belongs to no example, such as the order of the batches."""
        # An array: numpy would turn a list with a large number into floats, which lose the epoch.
        key = np.array([self.seed, (zlib.crc32(purpose.encode()) << 32) | epoch], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key))


def philox(counter: tuple[npt.NDArray[np.uint64], ...], key: tuple[int, int]) -> tuple[npt.NDArray[np.uint64], ...]:
    """Run ten rounds of Philox4x32 on each counter.

    Shapes:
        - counter: four uint64 [n] arrays holding 32-bit words
        - key: two 32-bit words
        - Returns four uint64 [n] arrays of 32-bit words
    """
    first, second, third, fourth = counter
    key_low, key_high = key
    for _ in range(_ROUNDS):
        left = _MULTIPLIER[0] * first
        right = _MULTIPLIER[1] * third
        first, second, third, fourth = (
            (right >> _SHIFT) ^ second ^ np.uint64(key_low),
            right & _LOW,
            (left >> _SHIFT) ^ fourth ^ np.uint64(key_high),
            left & _LOW,
        )
        key_low = (key_low + _WEYL[0]) & 0xFFFFFFFF
        key_high = (key_high + _WEYL[1]) & 0xFFFFFFFF
    return first, second, third, fourth
