"""PostgreSQL with pgvector loads the files with psql and finds the same products."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from export_nearest import nearest

from gnn_search.export.documents import product_documents


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("shard_bytes", [64_000_000, 1500])
def test_load_and_search(awkward, postgres, dtype, shard_bytes):
    folder = awkward.export(formats=("pgvector",), dtype=dtype, shard_bytes=shard_bytes) / "pgvector"
    assert (len(list(folder.glob("product-*.csv"))) > 1) == (shard_bytes == 1500)
    with postgres() as connection:
        connection.execute("DROP TABLE IF EXISTS product")
        connection.commit()
        subprocess.run(["psql", "--quiet", "--file", "load.sql"], cwd=folder, check=True, env=postgres.environment)
        wanted = "SELECT product_id, title, brand, category_path, vector::text FROM product ORDER BY product_id"
        rows = connection.execute(wanted).fetchall()
        expected = product_documents(awkward.model.graph).drop("categories").sort("product_id")
        assert [row[:4] for row in rows] == expected.rows()
        ids = awkward.model.graph.nodes("product").to_series(0).to_list()
        for product, *_, vector in rows:
            true = awkward.shop.vectors["product"][ids.index(product)]
            found = np.zeros(16, np.float32) if vector is None else np.array(vector[1:-1].split(","), np.float32)
            assert np.array_equal(found, true if dtype == "float32" else true.astype(np.float16).astype(np.float32))
        # The exact search; with so few rows the index would not be used anyway.
        connection.execute("SET enable_indexscan = off")
        kind = "vector" if dtype == "float32" else "halfvec"
        queries, lists = nearest(awkward, 5)
        for query, near in zip(queries, lists, strict=True):
            asked = f"SELECT product_id FROM product ORDER BY vector <#> %s::{kind} LIMIT 5"
            assert [row[0] for row in connection.execute(asked, [str(query.tolist())]).fetchall()] == near
        indexes = connection.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'product'").fetchall()
        assert any(f"USING hnsw (vector {kind}_ip_ops)" in definition for (definition,) in indexes)


def test_nothing_is_loaded_when_a_file_is_broken(awkward, postgres):
    folder = awkward.export(formats=("pgvector",)) / "pgvector"
    file = folder / "product-00000.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("[", "", 1), encoding="utf-8")
    with postgres() as connection:
        connection.execute("DROP TABLE IF EXISTS product")
        connection.commit()
        loaded = subprocess.run(["psql", "--file", "load.sql"], cwd=folder, env=postgres.environment, capture_output=True, text=True)
        assert loaded.returncode == 3
        assert connection.execute("SELECT to_regclass('product')").fetchone() == (None,)
