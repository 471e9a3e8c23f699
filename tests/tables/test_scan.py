from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from gnn_search.errors import TableError
from gnn_search.tables.columns import Column, ColumnKind
from gnn_search.tables.scan import ROW, find_source, read_columns

FRAME = pl.DataFrame({"id": ["007", "b\u2603", 'c,"d"'], "name": ["x", None, "two\nlines"]})
COLUMNS = [Column("product_id", "id", "tables.products.product_id", "id"), Column("title", "name", "tables.products.title", "text")]


def write(frame: pl.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix, "uncompressed")
    if ".parquet" in path.suffixes or path.suffix == ".pq":
        frame.write_parquet(path)
    elif ".csv" in path.suffixes:
        frame.lazy().sink_csv(path, compression=compression)  # type: ignore[call-overload]
    else:
        frame.lazy().sink_ndjson(path, compression=compression)  # type: ignore[call-overload]
    return path


def read(data: Path, path: str, columns: list[Column] = COLUMNS) -> pl.DataFrame:
    return read_columns(find_source("products", path, data), columns)


def column(kind: ColumnKind, name: str = "a") -> list[Column]:
    return [Column(name, name, f"tables.products.{name}", kind)]


NAMES = ["t.parquet", "t.pq", "t.csv", "t.csv.gz", "t.csv.zst", "t.jsonl", "t.jsonl.gz", "t.ndjson.zst", "t.json", "T.CSV", "odd [1].jsonl"]


@pytest.mark.parametrize("name", NAMES)
def test_every_format_gives_the_same(tmp_path: Path, name: str) -> None:
    write(FRAME, tmp_path / name.lower()).rename(tmp_path / name)
    frame = read(tmp_path, name)
    assert frame[ROW].to_list() == [0, 1, 2]
    assert frame["product_id"].to_list() == FRAME["id"].to_list()
    assert frame["title"].to_list() == FRAME["name"].to_list()


@pytest.mark.parametrize("path", ["part", "part/*.csv", "**/*.csv"])
def test_folder_and_glob_are_read_in_sorted_order(tmp_path: Path, path: str) -> None:
    for name, rows in (("part/b.csv", FRAME[2:]), ("part/a.csv", FRAME[:2])):
        write(rows, tmp_path / name)
    (tmp_path / "part" / "_SUCCESS").touch()
    (tmp_path / "part" / "c.csv").touch()
    frame = read(tmp_path, path)
    assert frame["product_id"].to_list() == FRAME["id"].to_list()
    assert frame[ROW].to_list() == [0, 1, 2]


def test_absolute_path_is_taken(tmp_path: Path) -> None:
    path = write(FRAME, tmp_path / "a" / "t.csv")
    assert read(tmp_path / "elsewhere", str(path)).height == 3
    assert read(tmp_path / "elsewhere", str(path.with_name("*.csv"))).height == 3


def test_part_files_may_lack_values(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "1.jsonl").write_text('{"id": 1, "name": null}\n{"id": 2}\n')
    (tmp_path / "t" / "2.jsonl").write_text('{"id": 3, "name": "c"}\n')
    (tmp_path / "t" / "3.jsonl").write_text('{"name": "d"}\n')
    frame = read(tmp_path, "t")
    assert frame["product_id"].to_list() == [1, 2, 3, None]
    assert frame["title"].to_list() == [None, None, "c", "d"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(
        TableError, match=r"no file for the products table: .*gone\.parquet does not exist; .*tables\.products\.path \('gone"
    ):
        find_source("products", "gone.parquet", tmp_path)
    (tmp_path / "bare").mkdir()
    with pytest.raises(TableError, match=r"bare holds no file"):
        find_source("products", "bare", tmp_path)


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.gz", "t.parquet.gz"])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(TableError, match=r"has no known suffix; expected \.parquet, \.csv"):
        find_source("products", name, tmp_path)


def test_several_formats(tmp_path: Path) -> None:
    write(FRAME, tmp_path / "t" / "a.csv")
    write(FRAME, tmp_path / "t" / "b.parquet")
    with pytest.raises(TableError, match=r"files of several formats \(a\.csv, b\.parquet\)"):
        find_source("products", "t", tmp_path)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.csv.gz"])
def test_no_rows(tmp_path: Path, name: str) -> None:
    write(FRAME.clear(), tmp_path / name)
    with pytest.raises(TableError, match=r"the products table is empty: .* holds no rows"):
        read(tmp_path, name)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_no_byte(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(TableError, match=r"the products table is empty"):
        read(tmp_path, name)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz"])
def test_no_byte_inside(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b""))
    with pytest.raises(TableError, match=r"(is damaged or no|is empty)"):
        read(tmp_path, name)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv.gz", "t.csv.zst", "t.jsonl.gz", "t.jsonl.zst"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_cut_short_is_told(tmp_path: Path, name: str, share: float) -> None:
    whole = write(pl.DataFrame({"id": range(20_000), "name": [f"name {i}" for i in range(20_000)]}), tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(TableError, match=rf"{name} \(the products table\) is damaged or no (parquet|csv|json) file"):
        read(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.parquet", b""),
        ("t.parquet", b"no parquet at all"),
        ("t.csv", b"id,name\n1,\xff\xfe\n"),
        ("t.csv", b"id,name\n1,2,3\n"),
        ("t.jsonl", b'{"id": 1\n'),
    ],
)
def test_damaged_content_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=r"is damaged or no (parquet|csv|json) file: .*; write it again"):
        read(tmp_path, name)


def test_the_damaged_one_of_many_is_named(tmp_path: Path) -> None:
    for part in "abc":
        write(FRAME, tmp_path / "t" / f"{part}.csv")
    (tmp_path / "t" / "b.csv").write_bytes(b"id,name\n1,\xff\xfe\n")
    with pytest.raises(TableError, match=r"b\.csv \(the products table\) is damaged"):
        read(tmp_path, "t")


def test_missing_column_lists_those_there_are(tmp_path: Path) -> None:
    write(FRAME.rename({"name": "caption"}), tmp_path / "t.csv")
    with pytest.raises(TableError, match=r"t\.csv lacks the column 'name' \(tables\.products\.title .*\); there are: id, caption;"):
        read(tmp_path, "t.csv")


def test_files_that_disagree(tmp_path: Path) -> None:
    write(pl.DataFrame({"a": [1]}), tmp_path / "t" / "1.parquet")
    write(pl.DataFrame({"a": ["x"]}), tmp_path / "t" / "2.parquet")
    with pytest.raises(TableError, match=r"don't agree: column 'a' is Int64 in 1\.parquet and String in 2\.parquet"):
        read(tmp_path, "t", column("id"))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("id", [1.0], "expected ids, strings or integers, got Float64; cast the ids to integers or strings"),
        ("id", [True], "expected ids, strings or integers, got Boolean"),
        ("ids", ["a b"], "expected lists of ids, strings or integers, got String"),
        ("ids", [[1.5]], r"expected lists of ids, strings or integers, got List\(Float64\); cast the ids"),
        ("text", [1], "expected text, got Int64; correct the table or the recipe"),
        ("label", [["a"]], r"expected single values, got List\(String\)"),
        ("number", ["1.5"], "expected numbers, got String"),
        ("time", [1.5], "expected times .*, got Float64"),
        ("path", [1], "expected lists of category names, or text to be cut at the separator, got Int64"),
        ("path", [[1]], r"expected lists of category names.*, got List\(Int64\)"),
    ],
)
def test_wrong_type(tmp_path: Path, kind: ColumnKind, values: list[object], message: str) -> None:
    write(pl.DataFrame({"a": values}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match=rf"column 'a' \(tables\.products\.a\) of .*t\.parquet: {message}"):
        read(tmp_path, "t.parquet", column(kind))


@pytest.mark.parametrize(
    ("kind", "series", "dtype", "values"),
    [
        ("id", pl.Series([1, 255], dtype=pl.UInt8), pl.Int64(), [1, 255]),
        ("id", pl.Series(["a", ""], dtype=pl.Categorical), pl.String(), ["a", None]),
        ("ids", pl.Series([[1], []], dtype=pl.List(pl.Int16)), pl.List(pl.Int64), [[1], []]),
        ("label", pl.Series([1, None], dtype=pl.Int8), pl.String(), ["1", None]),
        ("label", pl.Series([True]), pl.String(), ["true"]),
        ("number", pl.Series([1], dtype=pl.UInt16), pl.Float64(), [1.0]),
    ],
)
def test_types_are_brought_to_few(tmp_path: Path, kind: ColumnKind, series: pl.Series, dtype: pl.DataType, values: list[object]) -> None:
    series.to_frame("a").write_parquet(tmp_path / "t.parquet")
    read_back = read(tmp_path, "t.parquet", column(kind))["a"]
    assert read_back.dtype == dtype
    assert read_back.to_list() == values


def test_zoned_times_become_utc(tmp_path: Path) -> None:
    noon = pl.Series("a", ["2017-01-01 12:00:00"]).str.to_datetime(time_unit="ns").dt.replace_time_zone("America/New_York")
    noon.to_frame().write_parquet(tmp_path / "t.parquet")
    read_back = read(tmp_path, "t.parquet", column("time"))["a"]
    assert read_back.dtype == pl.Datetime("us")
    assert str(read_back[0]) == "2017-01-01 17:00:00"
