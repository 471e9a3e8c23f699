"""Qualities from a file."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import TableError
from gnn_search.index.product_file import read_product_columns

ROWS = pl.DataFrame({"product_id": ["P001", "P000", "no such"], "rating": [4.5, None, 1.0]})


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_every_format(tiny_graph, tmp_path, suffix):
    path = tmp_path / f"file{suffix}"
    {".parquet": ROWS.write_parquet, ".csv": ROWS.write_csv, ".jsonl": ROWS.write_ndjson}[suffix](path)
    rating = read_product_columns(path, ["rating"], tiny_graph)["rating"]
    assert rating.shape == (40,)
    assert rating[1] == 4.5
    assert np.isnan(np.delete(rating, 1)).all()


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ({"product_id": ["P000", "P000"], "rating": [1, 2]}, "holds the product 'P000' more than once"),
        ({"product_id": ["P000"], "stars": [1]}, "lacks the column 'rating'; there are product_id, stars"),
        ({"product_id": ["Q1"], "rating": [1]}, "holds none of the 40 products of .* such as 'Q1', those of the shop such as 'P000'"),
        ({"product_id": ["P000", "P001"], "rating": ["4", "good"]}, "column 'rating' of .*: expected numbers, got 'good' in row 1"),
        ({"product_id": ["P000"], "rating": [[1]]}, "column 'rating' of .*: expected numbers, got List"),
        ({"product_id": [], "rating": []}, "holds no rows"),
        ({"product_id": [["P000"]], "rating": [1]}, "column 'product_id' of .*: expected ids, integers or text, got List"),
    ],
)
def test_a_file_that_cannot_be_used(tiny_graph, tmp_path, rows, fault):
    path = tmp_path / "file.parquet"
    pl.DataFrame(rows).write_parquet(path)
    with pytest.raises(TableError, match=fault):
        read_product_columns(path, ["rating"], tiny_graph)


def test_a_file_that_is_none(tiny_graph, tmp_path):
    with pytest.raises(TableError, match=r"there is no file .*file\.csv"):
        read_product_columns(tmp_path / "file.csv", ["rating"], tiny_graph)
    with pytest.raises(TableError, match=r"file\.xlsx has no known suffix; expected \.parquet"):
        read_product_columns(tmp_path / "file.xlsx", ["rating"], tiny_graph)
    (tmp_path / "file.parquet").write_text("no")
    with pytest.raises(TableError, match=r"file\.parquet is damaged or no parquet file"):
        read_product_columns(tmp_path / "file.parquet", ["rating"], tiny_graph)


def test_integer_ids_may_be_text_as_the_shop_would_write_them(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("product_id,rating\n7,1\n008,2\n9,\n")
    known = pl.DataFrame({"product_id": [7, 8, 9]})

    class Shop:
        path, num_nodes = "shop", {"product": 3}

        def nodes(self, node_type: str) -> pl.DataFrame:
            return known

    np.testing.assert_array_equal(read_product_columns(path, ["rating"], Shop())["rating"], [1, np.nan, np.nan])
