"""Names of files on disk, and the one way in which they come into being.

A folder or file is written beside its place and moved there when it is whole, so a half-written artefact can't be opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnn_search.errors import ArtefactError, OutputExistsError

FORMAT_VERSION = 1
_ROW, _LINE = 2, 240
"""Lists and objects inside each other, and letters, of what stands on one line of JSON."""


@dataclass(frozen=True)
class GraphLayout:
    """Where the parts of a graph folder lie."""

    root: Path

    @property
    def manifest(self) -> Path:
        return self.root / "graph.json"

    @property
    def rejects(self) -> Path:
        return self.root / "rejects.parquet"

    @property
    def taxonomy(self) -> Path:
        return self.root / "taxonomy"

    def nodes(self, node_type: str) -> Path:
        return self.root / "nodes" / f"{node_type}.parquet"

    def edges(self, source: str, relation: str, target: str) -> Path:
        return inside(self.root, f"edges/{source}--{relation}--{target}")

    def examples(self, split: str) -> Path:
        return self.root / "examples" / f"{split}.parquet"


@dataclass(frozen=True)
class ModelLayout:
    """Where the parts of a model folder lie. `manifest` is written last: a folder without it is not yet a model."""

    root: Path

    @property
    def manifest(self) -> Path:
        return self.root / "model.json"

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def tokenizer(self) -> Path:
        return self.root / "tokenizer.json"

    @property
    def text_vectors(self) -> Path:
        return self.root / "text_vectors.safetensors"

    @property
    def transformer(self) -> Path:
        return self.root / "transformer"

    @property
    def weights(self) -> Path:
        return self.root / "weights.safetensors"

    @property
    def reranker(self) -> Path:
        return self.root / "reranker.safetensors"

    @property
    def word_matches(self) -> Path:
        return self.root / "word_matches"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        return self.root / "tensorboard"

    @property
    def checkpoint(self) -> Path:
        return self.root / "checkpoint"

    @property
    def node_embeddings(self) -> Path:
        return self.root / "node_embeddings"


@dataclass(frozen=True)
class ExportLayout:
    """Where the parts of an export folder lie."""

    root: Path

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    def format(self, name: str) -> Path:
        """Return the folder of one format."""
        return self.root / name

    @property
    def index(self) -> Path:
        return self.format("faiss")

    @property
    def text_tower(self) -> Path:
        return self.format("text_tower")


@dataclass(frozen=True)
class IndexLayout:
    """Where the parts of an index folder lie."""

    root: Path

    @property
    def manifest(self) -> Path:
        return self.root / "index.json"

    @property
    def faiss(self) -> Path:
        return self.root / "index.faiss"

    @property
    def ids(self) -> Path:
        return self.root / "ids.parquet"

    @property
    def full(self) -> Path:
        return self.root / "full.npy"

    @property
    def full_scale(self) -> Path:
        return self.root / "full_scale.npy"

    @property
    def parts(self) -> tuple[Path, ...]:
        """All files that there may be but the manifest, in the order in which they are hashed."""
        return (self.faiss, self.ids, self.full, self.full_scale)


@dataclass(frozen=True)
class RunLayout:
    """Where the parts of a run folder lie: what an evaluation found, case by case."""

    root: Path

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation.json"

    @property
    def cases(self) -> Path:
        return self.root / "cases.parquet"

    @property
    def relevant(self) -> Path:
        return self.root / "relevant.parquet"

    @property
    def products(self) -> Path:
        return self.root / "products.parquet"

    def method(self, place: int) -> Path:
        """Return the file of the method at a place of the evaluation's `methods`."""
        return self.root / "methods" / f"{place:02d}.parquet"


@dataclass(frozen=True)
class FusionLayout:
    """Where the parts of a fusion folder lie."""

    root: Path

    @property
    def manifest(self) -> Path:
        return self.root / "fusion.json"

    @property
    def weights(self) -> Path:
        return self.root / "weights.json"


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
