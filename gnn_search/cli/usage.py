"""What a command has used of the machine."""

from __future__ import annotations

import resource
import sys
import time

from pydantic import BaseModel


class Usage(BaseModel):
    """Seconds by the clock and of the CPU, and the most memory that the process has held, in bytes."""

    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int

    def in_words(self) -> str:
        """Return one line for a reader."""
        return f"{self.wall_seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU, at most {self.peak_memory_bytes / 1e9:.2f} GB of memory"


class Meter:
    """Measures from its making on; memory from the start of the process."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Usage:
        """Return what has been used so far."""
        # Linux counts in KiB, macOS in bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return Usage(wall_seconds=time.perf_counter() - self._wall, cpu_seconds=time.process_time() - self._cpu, peak_memory_bytes=peak)
