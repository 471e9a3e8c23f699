"""Draw docs/architecture.svg from the imports of the package, and write the four paths of docs/architecture.md from calls that ran.

Example:
    python -m docs.architecture --check
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "gnn_search"
PAGE = Path(__file__).with_suffix(".md")
PICTURE = Path(__file__).with_suffix(".svg")

TIERS = (
    ("tables",),
    ("graph",),
    ("sampling",),
    ("model", "rerank"),
    ("trained",),
    ("requests",),
    ("vectors", "index", "training"),
    ("retrieval",),
    ("evaluation", "export", "explanation"),
    ("audit", "studies", "report"),
    ("cli",),
)
"""The folders of the package on the data's way: those of one column side by side, each after what it imports."""
BELOW = "config"
"""The folder that any other may import, like the top-level modules."""

_BOX, _STEP, _ROW, _TOP, _MARGIN = (104, 48), 134, 92, 62, 16
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 10.5px; fill: #59636e }
  .count { font-size: 10px; fill: #59636e; text-anchor: middle; paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
  rect { fill: #f6f8fa; stroke: #59636e }
  path { fill: none; stroke: #0969da }
  .near { opacity: .9 }
  .far { opacity: .13 }
  marker path { fill: #0969da; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 } .count { fill: #9198a1; stroke: #0d1117 }
    rect { fill: #151b23; stroke: #9198a1 } path { stroke: #4493f8 } marker path { fill: #4493f8; stroke: none }
  }"""


def read_package() -> dict[str, ast.Module]:
    """Return every file of the package, parsed, by its path inside the package."""
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def imported_modules(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of the modules of the package that a file imports, inside functions too, but not for type checking alone."""
    unread = {id(part) for node in ast.walk(tree) for line in _for_typing(node) for part in ast.walk(line)}
    for node in ast.walk(tree):
        if id(node) in unread or not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.module == PACKAGE.name:
            names = [f"{PACKAGE.name}.{alias.name}" for alias in node.names]
        else:
            names = [node.module or ""]
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == PACKAGE.name)


def count_imports(files: Mapping[str, ast.Module]) -> Counter[tuple[str, str]]:
    """Count the import statements by (imported folder, importing folder), for folders of `TIERS` alone."""
    folders = {folder for tier in TIERS for folder in tier}
    counts: Counter[tuple[str, str]] = Counter()
    for file, tree in files.items():
        for _, name in imported_modules(tree):
            source, target = name.split(".")[1] if "." in name else "", file.split("/")[0]
            if source != target and {source, target} <= folders:
                counts[source, target] += 1
    return counts


def draw(files: Mapping[str, ast.Module]) -> str:
    """Return the picture as SVG: a box a folder, an arrow from each folder to those that import it."""
    sizes = Counter(file.split("/")[0] for file in files)
    tiers = [shown for tier in TIERS if (shown := [folder for folder in tier if sizes[folder]])]
    tallest = max(len(tier) for tier in tiers)
    place = {
        folder: (_MARGIN + column * _STEP, _TOP + round((tallest - len(tier)) * _ROW / 2) + row * _ROW)
        for column, tier in enumerate(tiers)
        for row, folder in enumerate(tier)
    }
    counts = count_imports(files)
    near = _without_detours(set(counts))
    width, bottom = 2 * _MARGIN + (len(tiers) - 1) * _STEP + _BOX[0], _TOP + tallest * _ROW + 24
    # Faint ones first, so that the strong ones lie above them.
    arrows = [_arrow(place, edge, counts[edge], edge in near) for edge in sorted(counts, key=lambda edge: (edge in near, edge))]
    boxes = [_box(folder, place[folder], sizes[folder]) for tier in tiers for folder in tier]
    below = sorted(file.removesuffix(".py") for file in files if "/" not in file and not file.startswith("__"))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 60}" role="img" '
            'aria-label="The folders of the package and who imports whom">',
            f"<style>{_STYLE}\n</style>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" '
            'markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z"/></marker></defs>',
            *arrows,
            *boxes,
            f'<rect x="{_MARGIN}" y="{bottom}" width="{width - 2 * _MARGIN}" height="44" rx="6"/>',
            f'<text x="{_MARGIN + 12}" y="{bottom + 19}">{BELOW}, and modules that all may import</text>',
            f'<text class="small" x="{_MARGIN + 12}" y="{bottom + 36}">{escape(", ".join(below))}</text>',
            "</svg>\n",
        ]
    )


def write_paths() -> str:
    """Return the four paths as Markdown: each file that is entered, with the function that enters it and its types."""
    from tests.paths import traces
    from tests.tracing import Call

    files = read_package()
    titles = {"search": "A search", "batch": "A training batch", "case": "An evaluation case", "build": "A build"}
    with tempfile.TemporaryDirectory() as folder:
        found = traces(Path(folder))
    parts = []
    for name, title in titles.items():
        lines, seen, open_calls = [], set[str](), list[tuple[Call, int]]()
        for call in found[name].calls:
            del open_calls[call.depth :]
            level = open_calls[-1][1] if open_calls else 0
            if call.file not in seen:
                seen.add(call.file)
                lines.append((f"{'  ' * level}{call.file}", f"{call.function}{_types(files[call.file], call.function)}"))
                level += 1
            open_calls.append((call, level))
        wide = max(len(file) for file, _ in lines)
        rows = "\n".join(f"{file:{wide}}  {function}" for file, function in lines)
        parts.append(f"### {title}\n\n{found[name]}.\n\n```text\n{rows}\n```\n")
    return "\n".join(parts)


def page(text: str, paths: str) -> str:
    """Put the paths between the marks of the page's text."""
    return re.sub(
        r"(<!-- paths[^>]*-->\n).*(<!-- end of paths -->)", lambda marks: f"{marks[1]}\n{paths}\n{marks[2]}", text, flags=re.DOTALL
    )


def _for_typing(node: ast.AST) -> list[ast.stmt]:
    """Return the lines that stand under `if TYPE_CHECKING`."""
    return node.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" else []


def _without_detours(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the edges beside which there is no longer way (the transitive reduction)."""
    after: dict[str, set[str]] = {}
    for source, target in edges:
        after.setdefault(source, set()).add(target)

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            for target in after.get(waiting.pop(), set()) - found:
                found.add(target)
                waiting.append(target)
        return found

    beyond = {source: set[str]().union(*(reached(target) for target in targets)) for source, targets in after.items()}
    return {(source, target) for source, target in edges if target not in beyond[source]}


def _arrow(place: Mapping[str, tuple[int, int]], edge: tuple[str, str], count: int, near: bool) -> str:
    (x1, y1), (x2, y2) = place[edge[0]], place[edge[1]]
    if x1 == x2:
        # Within a column: from the lower edge of one box to the upper edge of another, to the left of the boxes between.
        start, end = (x1 + _BOX[0] // 2, y1 + _BOX[1]), (x2 + _BOX[0] // 2, y2)
        left = 0 if y2 - y1 == _ROW else round(0.85 * _BOX[0])
        bend = ((start[0] - left, start[1]), (end[0] - left, end[1]))
    else:
        start, end = (x1 + _BOX[0], y1 + _BOX[1] // 2), (x2, y2 + _BOX[1] // 2)
        # A far one swings above or below the boxes between, the wider the farther.
        swing = (
            0
            if near and x2 - x1 <= _STEP
            else round((30 if near else 14) * (x2 - x1) / _STEP) * (-1 if y1 + y2 < 2 * (_TOP + _ROW) + 1 else 1)
        )
        bend = ((start[0] + 24, start[1] + swing), (end[0] - 24, end[1] + swing))
    line = f"M{start[0]} {start[1]}C{bend[0][0]} {bend[0][1]} {bend[1][0]} {bend[1][1]} {end[0]} {end[1]}"
    thick = min(1 + count**0.5 / 2, 5)
    title = f"<title>{edge[1]} imports {edge[0]} {count} times</title>"
    drawn = f'<path class="{"near" if near else "far"}" stroke-width="{thick:.1f}" d="{line}"'
    if not near:
        return f"{drawn}>{title}</path>"
    middle = [round((start[axis] + 3 * bend[0][axis] + 3 * bend[1][axis] + end[axis]) / 8) for axis in (0, 1)]
    return f'{drawn} marker-end="url(#head)">{title}</path><text class="count" x="{middle[0]}" y="{middle[1] - 4}">{count}</text>'


def _box(folder: str, place: tuple[int, int], files: int) -> str:
    x, y = place
    return (
        f'<rect x="{x}" y="{y}" width="{_BOX[0]}" height="{_BOX[1]}" rx="6"/><text x="{x + 9}" y="{y + 20}">{folder}</text>'
        f'<text class="small" x="{x + 9}" y="{y + 37}">{files} files</text>'
    )


def _types(tree: ast.Module, name: str) -> str:
    """Return what a function needs and gives back, as `(Graph, int) -> Batch`; parameters with a default are left out."""
    body: list[ast.stmt] = tree.body
    found: ast.stmt | None = None
    for part in name.replace(".<locals>", "").split("."):
        found = next((node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == part), None)
        if found is None:
            return ""
        body = found.body
    if not isinstance(found, ast.FunctionDef):
        return ""
    given = [*found.args.posonlyargs, *found.args.args]
    needed = given[: len(given) - len(found.args.defaults)]
    needed += [one for one, default in zip(found.args.kwonlyargs, found.args.kw_defaults, strict=True) if default is None]
    shown = [ast.unparse(one.annotation) for one in needed if one.annotation is not None]
    back = f" -> {ast.unparse(found.returns)}" if found.returns is not None and ast.unparse(found.returns) != "None" else ""
    return f"({', '.join(shown)}){back}"


def main() -> None:
    """Write the picture and the page, or with --check tell whether they are up to date."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="Write nothing; exit with 1 where a file is not up to date.")
    check = parser.parse_args().check
    wanted = {PICTURE: draw(read_package()), PAGE: page(PAGE.read_text(encoding="utf-8"), write_paths())}
    stale = [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if not check:
        for file in stale:
            file.write_text(wanted[file], encoding="utf-8")
    elif stale:
        names = " and ".join(f"docs/{file.name}" for file in stale)
        sys.exit(f"{names} no longer show the code as it is; write them anew with: make docs")


if __name__ == "__main__":
    main()
