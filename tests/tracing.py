"""Count what runs of the package in one call: how many files, functions and changes from one folder to another.

Example:
    python -m tests.tracing
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

PACKAGE = "gnn_search"
_CO_OPTIMIZED = 1
"""Set for the code of a function, not for that of a module or a class."""
_INNER = re.compile(r"(\.<locals>)?\.<(listcomp|setcomp|dictcomp|genexpr|lambda)>.*")


@dataclass(frozen=True)
class Call:
    """One call of a function of the package; `depth` counts the package's own functions above it."""

    file: str
    function: str
    depth: int

    @property
    def package(self) -> str:
        """The folder under the package; top-level modules count as one package, of the whole's name."""
        return self.file.split("/")[0] if "/" in self.file else PACKAGE


@dataclass(frozen=True)
class Trace:
    """The calls of the package's functions in the order in which they began."""

    calls: tuple[Call, ...]

    @property
    def files(self) -> list[str]:
        """The distinct files, in the order of their first call."""
        return list(dict.fromkeys(call.file for call in self.calls))

    @property
    def functions(self) -> list[str]:
        """The distinct functions as `file:qualified name`, in the order of their first call."""
        return list(dict.fromkeys(f"{call.file}:{call.function}" for call in self.calls))

    @property
    def changes_of_package(self) -> int:
        """How often a call lies in another package than the call before it; all top-level modules count as one package."""
        return sum(one.package != other.package for one, other in pairwise(self.calls))

    def __str__(self) -> str:
        return f"{len(self.files)} files, {len(self.functions)} functions, {self.changes_of_package} changes of package"


def trace_calls(function: Callable[[], Any]) -> Trace:
    """Call a function and record every function of the package that begins to run in this thread.

    Comprehensions, generator expressions and lambdas count as part of the function that holds them; a generator counts each time it
    goes on. Code that runs while a module is imported doesn't count.
    """
    calls: list[Call] = []
    known: dict[CodeType, str | None] = {}
    stack: list[FrameType] = []

    def record(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if code not in known:
            known[code] = _file_of(code)
        file = known[code]
        if file is None:
            return
        if event == "call":
            calls.append(Call(file, _INNER.sub("", code.co_qualname), len(stack)))
            stack.append(frame)
        elif event == "return" and stack and stack[-1] is frame:
            stack.pop()

    before = sys.getprofile()
    sys.setprofile(record)
    try:
        function()
    finally:
        sys.setprofile(before)
    return Trace(tuple(calls))


def _file_of(code: CodeType) -> str | None:
    """Return a function's file inside the package, None for a function from elsewhere."""
    marker = f"/{PACKAGE}/"
    path = Path(code.co_filename).as_posix()
    if not code.co_flags & _CO_OPTIMIZED or marker not in path:
        return None
    file = path.rpartition(marker)[2]
    return file if (Path(__file__).parents[1] / PACKAGE / file).exists() else None


if __name__ == "__main__":
    from tests.paths import traces

    with tempfile.TemporaryDirectory() as folder:
        for name, trace in traces(Path(folder)).items():
            sys.stdout.write(f"{name}: {trace}\n")
