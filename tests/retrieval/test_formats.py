"""What is written in any format is read back, and what can't be read is named."""

from __future__ import annotations

import gzip

import polars as pl
import pytest

from gnn_search.errors import OutputExistsError, TableError
from gnn_search.retrieval.formats import FileFormat, file_writer, read_file

NAMES = ["o.parquet", "o.pq", "o.csv", "o.jsonl", "o.ndjson", "o.json", "o.csv.gz", "o.csv.zst", "o.jsonl.gz", "o.jsonl.zst", "a.b.CSV"]
FRAME = pl.DataFrame({"user_id": ["é", None, "007"], "query": ["a, b", 'c "d"', "東京\n"], "extra": ["1", "2", "3"]})


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_in_blocks(tmp_path, name):
    out = tmp_path / "new" / name
    with file_writer(out) as append:
        append(FRAME.head(1))
        append(FRAME.tail(2))
    assert read_file(out, ("user_id", "query", "absent")).equals(FRAME.select("user_id", "query"))
    assert [path.name for path in out.parent.iterdir()] == [name]


def test_compressed_files_are_compressed(tmp_path):
    with file_writer(tmp_path / "o.csv.gz") as append:
        append(FRAME)
    assert gzip.decompress((tmp_path / "o.csv.gz").read_bytes()).startswith(b"user_id,query,extra\n")


def test_a_failure_leaves_nothing_behind(tmp_path):
    def fail() -> None:
        with file_writer(tmp_path / "o.csv") as append:
            append(FRAME)
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["o", "o.xlsx", "o.gz", "o.parquet.gz", "o.csv.zip"])
def test_unknown_suffix(tmp_path, name):
    with pytest.raises(TableError, match=r"has no known suffix; expected .parquet, .csv, .jsonl, .ndjson or .json"):
        FileFormat.of(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(TableError, match=r"there is no file .*r.csv; give one with the requests"):
        read_file(tmp_path / "r.csv", ("query",))


@pytest.mark.parametrize(("name", "kind"), [("r.parquet", "parquet"), ("r.jsonl", "json"), ("r.csv.gz", "csv")])
def test_damaged_file(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"\x1f\x8b{nothing of it")
    with pytest.raises(TableError, match=rf"is damaged or no {kind} file: .*; write it again"):
        read_file(tmp_path / name, ("query",))


def test_does_not_write_over_another(tmp_path):
    (tmp_path / "o.csv").write_text("kept")
    with pytest.raises(OutputExistsError, match=r"o.csv already exists"), file_writer(tmp_path / "o.csv") as append:
        append(FRAME)
    assert (tmp_path / "o.csv").read_text() == "kept"
