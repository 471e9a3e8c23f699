"""The picture and the paths of docs/architecture.md are those of the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from docs.architecture import PAGE, PICTURE, TIERS, count_imports, draw, page, read_package

ROOT = Path(__file__).resolve().parent.parent


def test_picture_and_paths_are_up_to_date():
    done = subprocess.run([sys.executable, "-m", "docs.architecture", "--check"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_the_picture_shows_every_folder_and_what_imports_what():
    files = read_package()
    shown = "".join(ET.fromstring(draw(files)).itertext())
    folders = {file.split("/")[0] for file in files if "/" in file}
    assert folders - {"config"} <= {folder for tier in TIERS for folder in tier}
    assert all(folder in shown for folder in folders)
    assert all(f"{target} imports {source} {count} times" in shown for (source, target), count in count_imports(files).items())


def test_the_short_paths_name_files_and_types_of_the_code():
    files = read_package()
    rows = re.findall(r"^.{9}.*? (\S+/\S*) +-> (\w+)", PAGE.read_text(encoding="utf-8").partition("<!-- paths")[0], flags=re.MULTILINE)
    classes = {node.name for tree in files.values() for node in tree.body if isinstance(node, ast.ClassDef)}
    assert len(rows) > 12
    assert [file for file, _ in rows if not (ROOT / "gnn_search" / file).exists()] == []
    assert {name for _, name in rows} <= classes


def test_an_import_within_a_function_counts_and_one_for_types_does_not():
    text = "if TYPE_CHECKING:\n    from gnn_search.graph.csr import Csr\ndef f():\n    import gnn_search.tables.ids\n"
    assert count_imports({"model/a.py": ast.parse(text)}) == {("tables", "model"): 1}


def test_the_paths_go_between_their_marks_and_nowhere_else():
    text = "before\n<!-- paths: x -->\nold\n<!-- end of paths -->\nafter\n"
    assert page(text, r"new \1") == "before\n<!-- paths: x -->\n\nnew \\1\n<!-- end of paths -->\nafter\n"
    assert PICTURE.name in PAGE.read_text(encoding="utf-8")
