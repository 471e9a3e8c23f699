"""What an artefact or a measurement was made with: the machine, and the versions of the libraries."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import gnn_search

_LIBRARIES = ("torch", "torch-geometric", "faiss-cpu", "polars", "tokenizers", "numpy")


def describe_machine(threads: int) -> dict[str, Any]:
    """Return processor, CPUs, threads in use, and the versions of Python and of the libraries."""
    python = platform.python_version()
    return {"processor": _processor(), "cpus": os.cpu_count(), "threads": threads, "python": python, **library_versions()}


def library_versions() -> dict[str, str]:
    """Return the versions of the package and of the libraries that shape its results."""
    found = {"gnn-search": gnn_search.__version__}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
