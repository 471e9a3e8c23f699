"""Give memory back to the system."""

from __future__ import annotations

import ctypes
import sys


def release_free_memory() -> None:
    """Give what has been freed back to the system; does nothing where the C library is not glibc.

    Temporaries of ever other sizes leave gaps in glibc's heap, which then grows for hours although nothing is kept.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
