"""The one place where the number of CPU threads is set.

torch, FAISS, polars, numpy's BLAS and the tokenizers each have a pool of their own, and each reads its size from the environment when
it is loaded. So the environment is set first, for whatever is loaded later (also in child processes), and the libraries already
loaded are set directly. Nothing is imported here: a command that needs no torch doesn't pay for it.
"""

from __future__ import annotations

import os
import sys

from gnn_search.errors import RequestError

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")


def set_threads(count: int | None = None) -> int:
    """Set the number of CPU threads of every library, loaded or not.

    Idle threads of OpenMP sleep, unless `OMP_WAIT_POLICY` says otherwise. Polars' pool can't be changed once polars is loaded, so call this
    before. A torch that is loaded later takes no more threads than there are CPUs.

    Args:
        count: Threads; None means `OMP_NUM_THREADS` if that holds a number, else all CPUs that this process may use.

    Returns:
        The number that was set.

    Raises:
        RequestError: `count` is below 1.
    """
    if count is None:
        count = default_threads()
    if count < 1:
        raise RequestError(f"expected at least 1 thread, got {count}")
    for variable in _VARIABLES:
        os.environ[variable] = str(count)
    # OpenMP's threads spin while they wait for work, which costs several times the time where other programs run too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(count)
    if (faiss := sys.modules.get("faiss")) is not None:
        faiss.omp_set_num_threads(count)
    return count


def default_threads() -> int:
    """Return `OMP_NUM_THREADS` if that holds a number above zero, else the number of CPUs that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isascii() and given.isdigit() and int(given) > 0 else available_cpus()


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
