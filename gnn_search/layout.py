"""Names of files on disk, writing them whole or not at all, and JSON.

A folder or file is written beside its place and moved there when it is whole, so a half-written artefact can't be opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnn_search.errors import ArtefactError, OutputExistsError

FORMAT_VERSION = 3
"""Of every folder that the package writes; raised whenever an older folder can't be read any more."""
_ROW, _LINE = 2, 240
"""Lists and objects inside each other, and letters, of what stands on one line of JSON."""
RESERVED = ("leads_to", "issues", "in", "child_of", "bought_with")
"""Relations that the graph makes itself."""
_REVERSE = "rev_"
_PLAIN = r"[^\W_][\w .:+&-]{0,49}"
STORED_NAME = f"^({_REVERSE})?{_PLAIN}$"
"""What a graph folder calls a node type or a relation, reverse ones too: a part of a path that can't lead elsewhere."""


def relation_fault(name: str) -> str | None:
    """Say why a relation can't have a name; None where it can."""
    if not re.fullmatch(_PLAIN, name):
        return "it must be 1 to 50 letters, digits, spaces or _ - . : + &, and begin with a letter or a digit"
    if name in RESERVED or name.startswith(_REVERSE):
        return f"{', '.join(RESERVED)} and names that begin with {_REVERSE} are the graph's own"
    return None


def free_name(name: str) -> str:
    """Return what a recipe calls a relation.

    Raises:
        ValueError: No relation can have this name.
    """
    if fault := relation_fault(name):
        raise ValueError(f"{name!r} can't name a relation: {fault}")
    return name


class _Part:
    """A file or folder of a layout, as an attribute that gives its path."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, layout: _Layout, owner: type[_Layout]) -> Path:
        return layout.root / self._name


@dataclass(frozen=True)
class _Layout:
    root: Path


class GraphLayout(_Layout):
    """Where the parts of a graph folder lie."""

    manifest = _Part("graph.json")
    rejects = _Part("rejects.parquet")
    taxonomy = _Part("taxonomy")
    synonyms = _Part("synonyms.parquet")

    def nodes(self, node_type: str) -> Path:
        return self.root / "nodes" / f"{node_type}.parquet"

    def edges(self, source: str, relation: str, target: str) -> Path:
        return inside(self.root, f"edges/{source}--{relation}--{target}")

    def examples(self, split: str) -> Path:
        return self.root / "examples" / f"{split}.parquet"


class ModelLayout(_Layout):
    """Where the parts of a model folder lie. `manifest` is written last: a folder without it is not yet a model."""

    manifest = _Part("model.json")
    config = _Part("config.yaml")
    tokenizer = _Part("tokenizer.json")
    text_vectors = _Part("text_vectors.safetensors")
    transformer = _Part("transformer")
    weights = _Part("weights.safetensors")
    reranker = _Part("reranker.safetensors")
    understanding = _Part("understanding.json")
    word_matches = _Part("word_matches")
    metrics = _Part("metrics.jsonl")
    tensorboard = _Part("tensorboard")
    checkpoint = _Part("checkpoint")
    node_embeddings = _Part("node_embeddings")


class ExportLayout(_Layout):
    """Where the parts of an export folder lie; each format has a folder of its name."""

    manifest = _Part("manifest.json")
    index = _Part("faiss")
    text_tower = _Part("text_tower")

    def format(self, name: str) -> Path:
        """Return the folder of one format."""
        return self.root / name


class IndexLayout(_Layout):
    """Where the parts of an index folder lie."""

    manifest = _Part("index.json")
    faiss = _Part("index.faiss")
    ids = _Part("ids.parquet")
    full = _Part("full.npy")
    full_scale = _Part("full_scale.npy")

    @property
    def parts(self) -> tuple[Path, ...]:
        """All files that there may be but the manifest, in the order in which they are hashed."""
        return (self.faiss, self.ids, self.full, self.full_scale)


class RunLayout(_Layout):
    """Where the parts of a run folder lie: what an evaluation found, case by case."""

    evaluation = _Part("evaluation.json")
    cases = _Part("cases.parquet")
    relevant = _Part("relevant.parquet")
    products = _Part("products.parquet")
    judgements = _Part("judgements")
    pool = _Part("pool")

    def table(self, name: str) -> Path:
        """Return the file of what was measured on new words: `perturbed` or `typed`."""
        return self.root / f"{name}.parquet"

    def method(self, place: int) -> Path:
        """Return the file of the method at a place of the evaluation's `methods`."""
        return self.root / "methods" / f"{place:02d}.parquet"


class FusionLayout(_Layout):
    """Where the parts of a fusion folder lie."""

    manifest = _Part("fusion.json")
    weights = _Part("weights.json")


@contextmanager
def staged(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a place beside `target` to write to, and move it to `target` when the block ends well.

    Args:
        target: File or folder to be made. Its parent is created.
        replace: Put the new artefact in the place of an old one.

    Yields:
        A path that does not exist yet, on the same file system; a failed block leaves nothing behind.

    Raises:
        OutputExistsError: `target` exists and `replace` is false.
    """
    refuse_existing(target, replace=replace)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f".{target.name}.partial-{os.getpid()}"
    _remove(partial)
    try:
        yield partial
        if replace:
            _remove(target)
        os.replace(partial, target)
    finally:
        _remove(partial)


def refuse_existing(target: Path, *, replace: bool = False) -> None:
    """Raise `OutputExistsError` if `target` is taken; an empty folder is not."""
    if replace or not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    raise OutputExistsError(f"{target} already exists; give another --out, or remove it first")


def inside(root: Path, name: str) -> Path:
    """Join a relative path that a manifest or a table gives onto a folder, and never leave the folder.

    Raises:
        ArtefactError: The path is absolute or leads upwards.
    """
    if not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ArtefactError(f"{root} names the file {name!r}, which can't lie inside it; make the folder again")
    return root / name


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, a row a line, whole or not at all."""
    with staged(path, replace=True) as partial:
        partial.write_text(_indented(value) + "\n", encoding="utf-8")


def _indented(value: Any, indent: str = "") -> str:
    """Lay JSON out, a row a line: what holds numbers, texts, and lists of them, where that is not too long."""
    if _depth(value) <= _ROW:
        line = json.dumps(value, sort_keys=True, ensure_ascii=False)
        if not isinstance(value, dict | list | tuple) or len(line) <= _LINE:
            return line
    deeper = f"{indent}  "
    if isinstance(value, dict):
        rows, ends = [f"{deeper}{_key(key)}: {_indented(part, deeper)}" for key, part in sorted(value.items())], "{}"
    else:
        rows, ends = [deeper + _indented(part, deeper) for part in value], "[]"
    return ends[0] + "\n" + ",\n".join(rows) + f"\n{indent}{ends[1]}"


def _depth(value: Any) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    return 0 if parts is None else 1 + max(map(_depth, parts), default=0)


def _key(key: Any) -> str:
    """Return a key as JSON has it, a text always."""
    return json.dumps(key if isinstance(key, str) else json.dumps(key), ensure_ascii=False)


def read_json(path: Path, what: str, again: str = "") -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: Where it is.
        what: What its folder is, such as 'an index folder'.
        again: What to do where it is damaged; by default to make `what` again.

    Raises:
        ArtefactError: The file is absent, is no JSON, or holds something other than an object.
    """
    again = again or f"make {what} again"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ArtefactError(f"{path.parent} is not {what}: {path.name} is missing; give the folder that was written whole") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path} is damaged ({error}); {again}") from None
    if not isinstance(value, dict):
        raise ArtefactError(f"{path} is damaged (expected a JSON object, got {type(value).__name__}); {again}")
    return value


def shard(folder: Path, name: str, number: int, suffix: str) -> Path:
    """Return the file of one part of a table that is written in parts."""
    return folder / f"{name}-{number:05d}.{suffix}"


def hash_files(paths: Iterable[Path]) -> str:
    """Return one BLAKE2b digest (32 hex digits) over the bytes of the files, in the order given."""
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
