"""What a measurement was made on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from gnn_search.versions import library_versions


def describe_machine(threads: int) -> dict[str, Any]:
    """Return processor, CPUs, threads in use, and the versions of Python and of the libraries."""
    python = platform.python_version()
    return {"processor": _processor(), "cpus": os.cpu_count(), "threads": threads, "python": python, **library_versions()}


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
