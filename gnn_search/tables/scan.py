"""Find the files of a table and read its columns, whatever of the known formats it is kept in."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnn_search.errors import TableError
from gnn_search.tables.columns import VALUELESS, Column, convert_column
from gnn_search.tables.formats import READ_FAULTS, FileFormat, scan_file, unreadable

ROW = "__row__"
"""Name of the column that numbers a table's rows from 0, counted over its files in order."""


@dataclass(frozen=True)
class TableSource:
    """The files that make one table, in sorted order.

    Attributes:
        name: `products`, `categories`, `events` or `users`.
        files: At least one.
        format: `parquet`, `csv` or `json` (one object a line).
    """

    name: str
    files: tuple[Path, ...]
    format: str

    @property
    def typed(self) -> bool:
        """Whether the files say what is a number and what is text; CSV does not."""
        return self.format != "csv"

    @property
    def place(self) -> str:
        """The table in words, for messages."""
        return f"{self.files[0]}" if len(self.files) == 1 else f"{self.files[0]} and {len(self.files) - 1} more files"


def find_source(name: str, path: str, data: Path) -> TableSource:
    """Find the files of a table.

    Args:
        name: The table's name in the recipe, such as `events`.
        path: A file, a folder (read with its subfolders; names that start with `.` or `_` are passed over) or a glob.
        data: The folder that `path` is relative to.

    Raises:
        TableError: Nothing is there, a suffix is unknown, or the files are of several formats.
    """
    files = _list_files(path, data)
    key = f"tables.{name}.path"
    if not files:
        raise TableError(
            f"no file for the {name} table: {data / path} {'holds no file' if (data / path).is_dir() else 'does not exist'}; "
            f"put the table there, give another data folder, or correct {key} ('{path}') in the recipe"
        )
    formats = {FileFormat.of(file, key).kind for file in files}
    if len(formats) > 1:
        named = ", ".join(file.name for file in files[:4])
        raise TableError(f"the {name} table ({key}) has files of several formats ({named}); keep one format, or name the files by a glob")
    return TableSource(name, tuple(files), formats.pop())


def column_names(source: TableSource) -> list[str]:
    """Return the names of all columns of a table, those of its first file first.

    Raises:
        TableError: A file can't be read, or there are no rows.
    """
    return list(dict.fromkeys(name for schema in _open(source)[1].values() for name in schema.names()))


def read_columns(source: TableSource, columns: Sequence[Column]) -> pl.DataFrame:
    """Read the named columns of a table, renamed and brought to few types, in one pass.

    Args:
        source: The table's files.
        columns: What to read, and under which names.

    Returns:
        One row a source row, in order; first `ROW` (Int64), then the columns by their new names, in the types that
        `gnn_search.tables.columns.Column` lists.

    Raises:
        TableError: A file can't be read, lacks a column or holds one of a wrong type; files don't agree; there are no rows.
    """
    scans, schemas = _open(source)
    # A JSON object leaves a key out when it has no value, so a whole part file may lack one.
    elsewhere = set().union(*schemas.values()) if source.format == "json" else set()
    frame = _collect(
        {file: scan.select(_select(column, schemas[file], elsewhere, file, source) for column in columns) for file, scan in scans.items()},
        source,
    )
    if frame.is_empty():
        raise _empty(source)
    defaults = {column.name: VALUELESS[column.kind] for column in columns if column.kind in VALUELESS}
    valueless = {name: dtype for name, dtype in defaults.items() if frame.schema[name] in (pl.Null, pl.List(pl.Null))}
    return frame.cast(valueless).with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.Int64))  # type: ignore[arg-type]


def _list_files(path: str, data: Path) -> list[Path]:
    target = data / path
    if target.is_file():
        return [target]
    if target.is_dir():
        inside = (file for file in target.rglob("*") if file.is_file())
        return sorted(file for file in inside if not any(part.startswith((".", "_")) for part in file.relative_to(target).parts))
    # Not Path.glob, which refuses an absolute pattern.
    found = (data / name for name in glob.glob(path, root_dir=data, recursive=True))  # noqa: PTH207
    return sorted(file for file in found if file.is_file())


def _open(source: TableSource) -> tuple[dict[Path, pl.LazyFrame], dict[Path, pl.Schema]]:
    """Open the files that hold something; tools that write in parts leave text files without a byte behind."""
    files = [file for file in source.files if source.format == "parquet" or file.stat().st_size]
    if not files:
        raise _empty(source)
    scans = {file: scan_file(file, source.format) for file in files}
    schemas = {}
    for file, scan in scans.items():
        try:
            schemas[file] = scan.collect_schema()
        except READ_FAULTS as error:
            raise _unreadable(file, source, error) from None
    return scans, schemas


def _empty(source: TableSource) -> TableError:
    return TableError(f"the {source.name} table is empty: {source.place} holds no rows")


def _select(column: Column, schema: pl.Schema, elsewhere: set[str], file: Path, source: TableSource) -> pl.Expr:
    if column.source in schema:
        return convert_column(column, schema[column.source], f"{file}", typed=source.typed)
    if column.source in elsewhere:
        return pl.lit(None).alias(column.name)
    there = ", ".join(schema.names())
    raise TableError(
        f"{file} lacks the column '{column.source}' ({column.key} in the recipe); there are: {there}; name the right one in the recipe"
    )


def _collect(frames: dict[Path, pl.LazyFrame], source: TableSource) -> pl.DataFrame:
    try:
        parts = _agree({file: frame.collect_schema() for file, frame in frames.items()}, frames, source)
        return pl.concat(parts).collect()
    except READ_FAULTS as error:
        for file, frame in frames.items():
            try:
                frame.collect()
            except READ_FAULTS as cause:
                raise _unreadable(file, source, cause) from None
        raise _unreadable(source.files[0], source, error) from None


def _agree(schemas: dict[Path, pl.Schema], frames: dict[Path, pl.LazyFrame], source: TableSource) -> list[pl.LazyFrame]:
    """Give all files the same types: a column without a value in one file takes its type from the others."""
    first, *_ = schemas
    types: dict[str, tuple[pl.DataType, Path]] = {name: (dtype, first) for name, dtype in schemas[first].items()}
    for file, schema in schemas.items():
        for name, dtype in schema.items():
            known, where = types[name]
            if known in (pl.Null, pl.List(pl.Null)):
                types[name] = (dtype, file)
            elif dtype not in (known, pl.Null, pl.List(pl.Null)):
                raise TableError(
                    f"the files of the {source.name} table don't agree: column '{name}' is {known} in {where.name} and "
                    f"{dtype} in {file.name}; write it with one type"
                )
    return [frame.cast({name: dtype for name, (dtype, _) in types.items()}) for frame in frames.values()]


def _unreadable(file: Path, source: TableSource, error: Exception) -> TableError:
    return unreadable(file, source.format, error, f" (the {source.name} table)")


def find_given_source(name: str, path: Path) -> TableSource:
    """Find the file, or the files of a folder, that a command was given.

    Raises:
        TableError: It is absent, or its suffix is unknown.
    """
    if not path.exists():
        raise TableError(f"there is no file {path}; give one with the {name}, a row each")
    return find_source(name, str(path.absolute()), Path())
