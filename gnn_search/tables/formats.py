"""The formats of tables: parquet, CSV and JSON lines, by suffix, and files of these that are read and written in blocks."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from gnn_search.errors import TableError

Compression = Literal["uncompressed", "gzip", "zstd"]

_KINDS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
_ROW_GROUP = 1 << 18
"""Rows a row group of a parquet file written here."""
READ_FAULTS = (pl.exceptions.PolarsError, OSError)


@dataclass(frozen=True)
class FileFormat:
    """What a file's suffix says: `parquet`, `csv` or `json` (one object a line), and how it is compressed."""

    kind: str
    compression: Compression

    @classmethod
    def of(cls, path: Path, key: str = "") -> FileFormat:
        """Read the suffix; messages name the recipe's key as well, where one is given.

        Raises:
            TableError: It is unknown.
        """
        suffixes = [suffix.lower() for suffix in path.suffixes]
        compression = _COMPRESSIONS.get(suffixes[-1], "uncompressed") if suffixes else "uncompressed"
        rest = suffixes[:-1] if compression != "uncompressed" else suffixes
        kind = _KINDS.get(rest[-1]) if rest else None
        if kind is None or (kind == "parquet" and compression != "uncompressed"):
            raise TableError(
                f"{path}{key and f' ({key})'} has no known suffix; expected .parquet, .csv, .jsonl, .ndjson or .json, the text formats "
                "also with .gz or .zst"
            )
        return cls(kind, compression)


@dataclass(frozen=True, eq=False)
class TableFile:
    """A file that is read in blocks, so that memory does not grow with it.

    Attributes:
        path: The file.
        schema: Its columns. From CSV every value comes as text.
    """

    path: Path
    schema: pl.Schema
    _form: FileFormat
    _frame: pl.LazyFrame

    @classmethod
    def open(cls, path: Path, what: str) -> TableFile:
        """Open a file.

        Args:
            path: The file.
            what: What its rows are, in the plural, for messages.

        Raises:
            TableError: The file is absent or blank, can't be read, or has an unknown suffix.
        """
        form = FileFormat.of(path)
        if not path.is_file():
            raise TableError(f"there is no file {path}; give one with {what}, a row each")
        if form.kind != "parquet" and path.stat().st_size == 0:
            raise TableError(f"{path} holds no rows; give {what}, a row each")
        try:
            frame = scan_file(path, form.kind)
            schema = frame.collect_schema()
        except READ_FAULTS as error:
            raise unreadable(path, form.kind, error) from None
        # The types of JSON are known when the whole file has been read; once is enough.
        return cls(path, schema, form, scan_file(path, form.kind, schema) if form.kind == "json" else frame)

    def blocks(self, columns: Sequence[str], size: int, start: int = 0) -> Iterator[pl.DataFrame]:
        """Read those of some columns that the file has, in the order of the file.

        Args:
            columns: Names.
            size: Rows a block; the last one may be shorter.
            start: Rows to leave out first.

        Raises:
            TableError: The file can't be read.
        """
        wanted = self._frame.select([column for column in columns if column in self.schema]).slice(start)
        try:
            yield from wanted.collect_batches(chunk_size=size, maintain_order=True)
        except READ_FAULTS as error:
            raise unreadable(self.path, self._form.kind, error) from None


def join_parts(parts: Sequence[Path], path: Path, form: FileFormat) -> None:
    """Write parquet files of one schema, at least one, as one file, in the order given."""
    frame = pl.scan_parquet(list(parts), glob=False, hive_partitioning=False)
    if form.kind == "parquet":
        frame.sink_parquet(path, row_group_size=_ROW_GROUP)
    elif form.kind == "csv":
        frame.sink_csv(path, compression=form.compression, check_extension=False)
    else:
        frame.sink_ndjson(path, compression=form.compression, check_extension=False)


def scan_file(path: Path, kind: str, schema: pl.Schema | None = None) -> pl.LazyFrame:
    """Open a file of a kind of format; the schema of JSON is read from all its lines unless given."""
    if kind == "parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    if kind == "csv":
        # Nothing is guessed: '007' must stay '007'.
        return pl.scan_csv(path, infer_schema=False, glob=False)
    return pl.scan_ndjson(glob.escape(str(path)), schema=schema, infer_schema_length=None)


def unreadable(path: Path, kind: str, error: Exception, what: str = "") -> TableError:
    """Return the error that says why a file can't be read; `what` follows its name."""
    reason = " ".join(str(error).split())[:200]
    return TableError(f"{path}{what} is damaged or no {kind} file: {reason}; write it again")
