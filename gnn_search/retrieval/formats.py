"""Files of requests and results: parquet, CSV and JSON lines, by suffix."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

from gnn_search.errors import TableError
from gnn_search.layout import staged

Compression = Literal["uncompressed", "gzip", "zstd"]

_KINDS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True)
class FileFormat:
    """What a file's suffix says: `parquet`, `csv` or `json` (one object a line), and how it is compressed."""

    kind: str
    compression: Compression

    @classmethod
    def of(cls, path: Path) -> FileFormat:
        """Read the suffix.

        Raises:
            TableError: It is unknown.
        """
        suffixes = [suffix.lower() for suffix in path.suffixes]
        compression = _COMPRESSIONS.get(suffixes[-1], "uncompressed") if suffixes else "uncompressed"
        rest = suffixes[:-1] if compression != "uncompressed" else suffixes
        kind = _KINDS.get(rest[-1]) if rest else None
        if kind is None or (kind == "parquet" and compression != "uncompressed"):
            raise TableError(
                f"{path} has no known suffix; expected .parquet, .csv, .jsonl, .ndjson or .json, the text formats also with .gz or .zst"
            )
        return cls(kind, compression)

    @property
    def typed(self) -> bool:
        """Whether the file says what is a number and what is text; CSV does not."""
        return self.kind != "csv"


def read_file(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Read those of some columns that a file has.

    Args:
        path: The file. From CSV every value comes as text.
        columns: Names.

    Raises:
        TableError: The file is absent or blank, can't be read, or has an unknown suffix.
    """
    form = FileFormat.of(path)
    if not path.is_file():
        raise TableError(f"there is no file {path}; give one with the requests, a row each")
    if form.kind != "parquet" and path.stat().st_size == 0:
        raise TableError(f"{path} holds no rows; give at least one request")
    try:
        scan = _scan(path, form)
        names = scan.collect_schema().names()
        return scan.select([column for column in columns if column in names]).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TableError(f"{path} is damaged or no {form.kind} file: {reason}; write it again") from None


@contextmanager
def file_writer(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Write a file block by block; it comes into being when the block of code ends well.

    The blocks lie in a folder beside the file until then, so memory holds one of them.

    Yields:
        A function that appends a frame; all have one schema, and there is at least one.

    Raises:
        OutputExistsError: `path` exists.
        TableError: It has an unknown suffix.
    """
    form = FileFormat.of(path)
    with staged(path) as partial, TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.blocks-") as folder:
        parts: list[Path] = []

        def append(frame: pl.DataFrame) -> None:
            part = Path(folder) / f"{len(parts)}.parquet"
            frame.write_parquet(part, compression="lz4")
            parts.append(part)

        yield append
        _sink(pl.scan_parquet(parts, glob=False), partial, form)


def _scan(path: Path, form: FileFormat) -> pl.LazyFrame:
    if form.kind == "parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    if form.kind == "csv":
        # Nothing is guessed: '007' must stay '007'.
        return pl.scan_csv(path, infer_schema=False, glob=False)
    return pl.scan_ndjson(glob.escape(str(path)), infer_schema_length=None)


def _sink(frame: pl.LazyFrame, path: Path, form: FileFormat) -> None:
    if form.kind == "parquet":
        frame.sink_parquet(path)
    elif form.kind == "csv":
        frame.sink_csv(path, compression=form.compression, check_extension=False)
    else:
        frame.sink_ndjson(path, compression=form.compression, check_extension=False)
