"""Threads are set in one place, for what is loaded and for what will be."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from gnn_search.errors import RequestError
from gnn_search.threads import available_cpus, default_threads, set_threads


@pytest.mark.parametrize(
    "code",
    [
        "set_threads(1); import torch, faiss",
        "import torch, faiss; set_threads(1)",
        "import torch; set_threads(1); import faiss",
    ],
)
def test_torch_and_faiss_obey_before_and_after_they_are_loaded(code):
    code = f"from gnn_search.threads import set_threads; {code}; print([torch.get_num_threads(), faiss.omp_get_max_threads()])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [1, 1]


def test_polars_obeys_and_nothing_heavy_is_loaded():
    code = (
        "import sys; from gnn_search.threads import set_threads; set_threads(3)\n"
        "assert not {'torch', 'faiss', 'polars', 'numpy'} & set(sys.modules)\n"
        "import polars; print(polars.thread_pool_size())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"


@pytest.mark.parametrize("count", [0, -1])
def test_fewer_than_one_is_refused(count):
    with pytest.raises(RequestError, match=f"expected at least 1 thread, got {count}"):
        set_threads(count)


@pytest.mark.parametrize(("given", "expected"), [("3", 3), ("", None), ("0", None), ("4,2", None), ("-1", None)])
def test_default_is_the_environment_or_all_cpus(monkeypatch, given, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert default_threads() == (expected or available_cpus())


def test_available_cpus_are_those_of_this_process():
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("given", [None, "ACTIVE"])
def test_idle_threads_sleep_unless_the_environment_says_otherwise(given):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = "import os; from gnn_search.threads import set_threads; set_threads(1); print(os.environ['OMP_WAIT_POLICY'])"
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == (given or "PASSIVE")
