"""What is written in any format is read back in blocks, and what can't be read is named."""

from __future__ import annotations

import gzip

import polars as pl
import pytest

from gnn_search.errors import TableError
from gnn_search.tables.formats import FileFormat, TableFile, join_parts

NAMES = ["o.parquet", "o.pq", "o.csv", "o.jsonl", "o.ndjson", "o.json", "o.csv.gz", "o.csv.zst", "o.jsonl.gz", "o.jsonl.zst", "a.b.CSV"]
FRAME = pl.DataFrame({"user_id": ["é", None, "007"], "query": ["a, b", 'c "d"', "東京\n"], "extra": ["1", "2", "3"]})


def write(tmp_path, frames: list[pl.DataFrame], name: str):
    parts = [tmp_path / f"part{number}" for number in range(len(frames))]
    for part, frame in zip(parts, frames, strict=True):
        frame.write_parquet(part)
    join_parts(parts, tmp_path / name, FileFormat.of(tmp_path / name))
    return tmp_path / name


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_in_blocks(tmp_path, name):
    out = TableFile.open(write(tmp_path, [FRAME.head(1), FRAME.tail(2)], name), "rows")
    wanted = FRAME.select("user_id", "query")
    for size in (1, 2, 3, 9):
        blocks = list(out.blocks(("user_id", "query", "absent"), size))
        assert [block.height for block in blocks] == {1: [1, 1, 1], 2: [2, 1]}.get(size, [3])
        assert pl.concat(blocks).equals(wanted)
    assert pl.concat(out.blocks(("user_id", "query"), 1, start=1)).equals(wanted[1:])
    assert not list(out.blocks(("query",), 1, start=3))


@pytest.mark.parametrize("name", ["o.parquet", "o.csv.zst", "o.jsonl"])
def test_blocks_are_full_whatever_the_parts(tmp_path, name):
    """Row groups and reading buffers end where they like; blocks end at multiples of their size."""
    frame = pl.DataFrame({"query": [f"query {number}" for number in range(2000)]})
    out = TableFile.open(write(tmp_path, [frame[:7], frame[7:1500], frame[1500:]], name), "rows")
    blocks = list(out.blocks(("query",), 300, start=100))
    assert [block.height for block in blocks] == [300] * 6 + [100]
    assert pl.concat(blocks).equals(frame[100:])


def test_types_of_json_are_those_of_the_whole_file(tmp_path):
    """Ids that are numbers at first and text later are text."""
    lines = ['{"user_id": 1, "query": "a"}'] * 3000 + ['{"user_id": "x", "query": "a"}']
    (tmp_path / "r.jsonl").write_text("\n".join(lines))
    table = TableFile.open(tmp_path / "r.jsonl", "rows")
    assert table.schema["user_id"] == pl.String
    assert pl.concat(table.blocks(("user_id",), 1000))["user_id"].to_list() == ["1"] * 3000 + ["x"]


def test_compressed_files_are_compressed(tmp_path):
    assert gzip.decompress(write(tmp_path, [FRAME], "o.csv.gz").read_bytes()).startswith(b"user_id,query,extra\n")


@pytest.mark.parametrize("name", ["o", "o.xlsx", "o.gz", "o.parquet.gz", "o.csv.zip"])
def test_unknown_suffix(tmp_path, name):
    with pytest.raises(TableError, match=r"has no known suffix; expected .parquet, .csv, .jsonl, .ndjson or .json"):
        FileFormat.of(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(TableError, match=r"there is no file .*r.csv; give one with rows, a row each"):
        TableFile.open(tmp_path / "r.csv", "rows")


@pytest.mark.parametrize(("name", "kind"), [("r.parquet", "parquet"), ("r.jsonl", "json"), ("r.csv.gz", "csv")])
def test_damaged_file(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"\x1f\x8b{nothing of it")
    with pytest.raises(TableError, match=rf"is damaged or no {kind} file: .*; write it again"):
        TableFile.open(tmp_path / name, "rows")


@pytest.mark.parametrize("name", ["r.parquet", "r.csv.gz", "r.jsonl.gz"])
def test_a_file_that_is_damaged_further_on(tmp_path, name):
    """What opens and breaks later is a sentence too, not half a result."""
    frame = pl.DataFrame({"query": [f"{number * 7919 % 10007}" for number in range(20_000)]})
    path = write(tmp_path, [frame], name)
    content = path.read_bytes()
    # Parquet opens by its end, the others by their start.
    content = b"PAR1" + b"\xff" * 3000 + content[3004:] if name.endswith("parquet") else content[:8000]
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"r\..* is damaged or no .* file: .*; write it again"):
        list(TableFile.open(path, "rows").blocks(("query",), 1000))
