"""Arrays that lie in files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


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
