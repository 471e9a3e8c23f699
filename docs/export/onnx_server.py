"""Answer a request from an export folder with ONNX Runtime, tokenizers, polars and numpy: no torch, no graph, nothing of gnn-search.

A service would open everything once, and look products up in an approximate index instead of a matrix.

Example:
    gnn-search export demo/model --format parquet --format onnx --out demo/export
    python docs/export/onnx_server.py demo/export "frozen pizza" --events events.jsonl
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import polars as pl

Float32 = npt.NDArray[np.float32]


class Server:
    """An export folder, opened for requests.

    Args:
        folder: What `gnn-search export --format onnx` wrote.
    """

    def __init__(self, folder: Path) -> None:
        towers = folder / "onnx"
        sys.path.insert(0, str(towers))
        self.serving: Any = importlib.import_module("serving")
        self.about = json.loads((towers / "onnx.json").read_text(encoding="utf-8"))
        self.products, self.product_vectors = read_vectors(folder / "parquet", "product")
        self.queries, self.query_vectors = read_vectors(folder / "parquet", "query")
        self.pieces = importlib.import_module("text_encoder").TextPieces.open(towers)
        self.text_tower = onnxruntime.InferenceSession(str(towers / "text_tower.onnx"))
        self.tables = self.personal_tower = None
        if self.about["personal_tower"] is not None:
            self.tables = self.serving.ServingTables.open(towers)
            self.personal_tower = onnxruntime.InferenceSession(str(towers / "personal_tower.onnx"))

    def rank(self, text: str, user: Any, k: int) -> tuple[list[Any], Float32]:
        """Return the ids and scores of the k products nearest to a user's query."""
        query = self.serving.normalise(text)
        row = self.queries.get(query, -1)
        by_text = self.encode_text(query)
        # A known query has a vector that the graph shaped; any other has that of its text.
        vector = self.query_vectors[row] if row >= 0 else by_text
        if self.tables is not None and self.personal_tower is not None:
            inputs = self.tables.inputs(vector[None], [self.tables.history_query(row, by_text)], [user], self.product_vectors)
            vector = self.personal_tower.run(["personal"], inputs)[0][0]
        scores = self.product_vectors @ vector
        best = np.argsort(-scores, kind="stable")[:k]
        ids = list(self.products)
        return [ids[place] for place in best], scores[best]

    def encode_text(self, text: str) -> Float32:
        """Encode a text: float32 [d], unit length, zero for one without a known piece."""
        vector: Float32 = self.text_tower.run(["vector"], self.pieces.inputs([text]))[0][0]
        return vector

    def read_user(self, events: Path | None, attributes: dict[str, Any], now: datetime) -> Any:
        """Read a user's events: JSON lines of product_id, query, action and timestamp (ISO 8601, UTC)."""
        rows = [] if events is None else [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
        return self.serving.User(
            np.datetime64(now),
            time=[np.datetime64(row["timestamp"]) for row in rows],
            product=[self.products.get(row["product_id"], -1) for row in rows],
            action=[row.get("action", "purchase") for row in rows],
            attributes=attributes,
        )


def read_vectors(folder: Path, kind: str) -> tuple[dict[Any, int], Float32]:
    """Read ids, each with its row, and vectors."""
    table = pl.read_parquet(folder / f"{kind}-*.parquet")
    return {name: row for row, name in enumerate(table.to_series(0))}, table["vector"].to_numpy()


def main() -> None:
    """Read the request from the command line and write the products as lines of rank, id and score."""
    parser = argparse.ArgumentParser(description="Rank the products of an export folder for one request.")
    parser.add_argument("folder", type=Path, help="What `gnn-search export --format onnx` wrote.")
    parser.add_argument("query", help="What was searched.")
    parser.add_argument("--events", type=Path, help="The user's events as JSON lines; without, requests are anonymous.")
    parser.add_argument("--attributes", type=json.loads, default={}, help="The user's attributes by column, as JSON.")
    parser.add_argument("--now", type=datetime.fromisoformat, help="Time of the request, UTC.  [default: that of the vectors]")
    parser.add_argument("-k", type=int, default=10, help="Length of the list.  [default: 10]")
    given = parser.parse_args()
    server = Server(given.folder)
    now = given.now or datetime.fromisoformat(server.about["as_of"])
    ids, scores = server.rank(given.query, server.read_user(given.events, given.attributes, now), given.k)
    for rank, (product, score) in enumerate(zip(ids, scores, strict=True), start=1):
        sys.stdout.write(f"{rank}\t{product}\t{score:.4f}\n")


if __name__ == "__main__":
    main()
