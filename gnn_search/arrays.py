"""Types of arrays, arrays in files, and what is done with many ranges and many keys at once."""

from __future__ import annotations

import os
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from gnn_search.errors import ArtefactError

_Scalar = TypeVar("_Scalar", bound=np.generic)

Bool = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt64 = npt.NDArray[np.uint64]

PADDING = -1
"""The product number of an empty place at the end of a list."""


def sorted_unique(values: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """Return the distinct values in ascending order.

    `np.unique` without a `return_` flag hashes since numpy 2.3, which takes about 20 times as long as a sort of millions of keys.

    Shapes:
        - values: any shape, integers, text or floats without NaN
        - returns: [distinct values]
    """
    ordered = np.sort(values, axis=None)
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def spread_evenly(count: int, most: int) -> Int64:
    """Return at most `most` of the numbers below `count`, spread evenly and ascending.

    >>> spread_evenly(10, 4).tolist(), spread_evenly(3, 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return sorted_unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))


def bisect_rows(values: Int64, starts: Int64, ends: Int64, bound: Int64 | int) -> Int64:
    """Find, in each of many sorted ranges of `values`, the first position whose value is not below the bound.

    One vectorised binary search: about log2(longest range) passes over the ranges.

    Shapes:
        - values: int64 [n], sorted inside each range
        - starts, ends: int64 [m]
        - bound: one number or int64 [m]
        - Returns int64 [m], each between the range's start and end
    """
    low = np.array(starts, dtype=np.int64)
    high = np.array(ends, dtype=np.int64)
    bound = np.broadcast_to(np.asarray(bound, dtype=np.int64), low.shape)
    active = np.flatnonzero(low < high)
    while len(active):
        middle = (low[active] + high[active]) >> 1
        below = values[middle] < bound[active]
        low[active[below]] = middle[below] + 1
        high[active[~below]] = middle[~below]
        active = active[low[active] < high[active]]
    return low


def expand_ranges(starts: Int64, ends: Int64) -> tuple[Int64, Int64]:
    """Write ranges out: for each position of each range, which range it is in and the position.

    Shapes:
        - starts, ends: int64 [m]
        - Returns two int64 [sum of lengths]
    """
    lengths = np.maximum(ends - starts, 0)
    row = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    first = np.cumsum(lengths) - lengths
    position = np.arange(len(row), dtype=np.int64) - first[row] + starts[row]
    return row, position


def open_array(
    file: Path, again: str, dtype: npt.DTypeLike, shape: tuple[int | None, ...], mode: Literal["r", "c"] | None = "r"
) -> npt.NDArray[Any]:
    """Open a `.npy` file of an artefact.

    Args:
        file: Where it is.
        again: What to do where it can't be read, such as 'build the graph again'.
        dtype: Type of the numbers.
        shape: Length of each axis, None for any.
        mode: Memory-mapped for reading ('r') or with changes kept in memory ('c'); None to read it into memory.

    Raises:
        ArtefactError: The file is missing or damaged, or holds another type or shape.
    """
    try:
        values: Any = np.load(file, mmap_mode=mode, allow_pickle=False)
    except FileNotFoundError:
        raise ArtefactError(f"{file} is damaged (the file is missing); {again}") from None
    except (OSError, ValueError, EOFError, SyntaxError, TokenError) as error:
        # An empty file is an EOFError, and a damaged header may be any of the others.
        raise ArtefactError(f"{file} is damaged ({' '.join(str(error).split())}); {again}") from None
    if not isinstance(values, np.ndarray):
        values.close()
        raise ArtefactError(f"{file} is damaged (expected an array, got an archive); {again}")
    fits = values.ndim == len(shape) and all(wanted in (None, size) for wanted, size in zip(shape, values.shape, strict=True))
    if not fits or values.dtype != np.dtype(dtype):
        expected, got = f"{np.dtype(dtype)} {_written(shape)}", f"{values.dtype} {_written(values.shape)}"
        raise ArtefactError(f"{file} is damaged (expected {expected}, got {got}); {again}")
    return values


def mapped_array(file: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Make a `.npy` file, memory-mapped for writing, with all its room on the disk taken at once.

    Without that a write to a full disk would kill the process (SIGBUS), with no word about why.

    Raises:
        OSError: The disk has no room, or the file can't be made; none is left behind.
    """
    try:
        values: npt.NDArray[Any] = np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with file.open("r+b") as opened:
                os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from None
    return values


def _written(shape: tuple[int | None, ...]) -> str:
    """Write a shape, with a colon for any length: [:, 16]."""
    return f"[{', '.join(':' if size is None else str(size) for size in shape)}]"


def find_keys(keys: Int64, wanted: Int64) -> Int64:
    """Return the position of each wanted key in ascending `keys`, -1 where it is absent. Any shape of `wanted`."""
    if len(keys) == 0:
        return np.full(wanted.shape, -1, dtype=np.int64)
    place = np.searchsorted(keys, wanted)
    inside = np.minimum(place, len(keys) - 1)
    return np.where(keys[inside] == wanted, inside, -1)
