"""Your own shop: two tables and a recipe become a graph, a trained model and a search.

Example:
    python examples/own_shop.py my_shop
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

import gnn_search

folder = Path(sys.argv[1])
folder.mkdir()

# What a shop has: a catalogue and a log. Here searches for tea end in tea, and searches for bread in bread.
titles = [f"{word} {kind}" for kind in ("tea", "bread") for word in ("green", "black", "fresh")]
paths = [["drinks", "tea"]] * 3 + [["food", "bakery"]] * 3
products = pl.DataFrame({"product_id": titles, "title": titles, "path": paths})
queries = [("tea", "bread")[number // 3 % 2] for number in range(240)]
events = pl.DataFrame(
    {
        "user_id": [number % 7 for number in range(240)],
        "query": queries,
        "product_id": [f"{('green', 'black', 'fresh')[number % 3]} {query}" for number, query in enumerate(queries)],
        "timestamp": [datetime(2024, 1, 1) + timedelta(hours=6 * number) for number in range(240)],
        "action": ["purchase"] * 240,
    }
)
products.write_parquet(folder / "products.parquet")
events.write_parquet(folder / "events.parquet")
tables = {"products": {"path": "products.parquet", "category_path": "path"}, "events": {"path": "events.parquet", "action": "action"}}
split = {"by": "time", "validation": datetime(2024, 2, 10), "test": datetime(2024, 2, 20)}
recipe = gnn_search.Recipe.model_validate({"name": "my_shop", "tables": tables, "split": split})
config = gnn_search.TrainingConfig.model_validate({"name": "small", "dimension": 16, "loop": {"batch_size": 32, "epochs": 3}})

graph = gnn_search.build_graph(recipe, folder, folder / "graph")
gnn_search.train(config, graph, folder / "model")
for hit in gnn_search.Retriever.load(folder / "model").search("tea", user_id=3, k=3):
    print(hit.rank, hit.product_id, hit.title, round(hit.score, 3))
