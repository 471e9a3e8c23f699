"""Write down a model's answers, and compare two such folders: the test of a change that must not change any answer.

`write` queries a model by all entry points: 2,000 requests of known and new queries, of known, unknown and absent users and of histories
that the file gives, by every channel; some of them with a category filter and with a least score; the Python interface; 50 explanations;
an evaluation; and an export. `compare` holds two such folders against each other: lists must hold the same products, numbers may differ
by 1e-6.

Example:
    python -m benchmarks.frozen write --model demo/model --out frozen/before
    python -m benchmarks.frozen write --model demo/model --out frozen/after
    python -m benchmarks.frozen compare frozen/before frozen/after
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import polars as pl

from gnn_search.cli.options import PATH
from gnn_search.layout import hash_files, read_json, staged, write_json

if TYPE_CHECKING:
    from gnn_search.graph.store import Graph

CHANNELS = ("reranked", "vector", "graph", "lexical", "rrf", "fused")
_REQUESTS, _PART, _EXPLANATIONS, _CASES = 2_000, 400, 50, 2_000
_SEED, _K, _TOLERANCE = 0, 20, 1e-6


@click.group()
def main() -> None:
    """Write down a model's answers, or compare two such folders."""


@main.command()
@click.option("--model", type=PATH, required=True, help="A model folder.")
@click.option("--out", type=PATH, required=True, help="Folder to be made.")
def write(model: Path, out: Path) -> None:
    """Write down a model's answers."""
    from gnn_search.trained.model import open_model

    graph = open_model(model).graph
    with staged(out) as partial:
        partial.mkdir()
        requests = draw_requests(graph)
        requests.write_parquet(partial / "requests.parquet")
        requests.head(_PART).write_parquet(partial / "part.parquet")
        fusion, category = partial / "fusion", _largest_category(graph)
        _run("fuse", model, "--out", fusion)
        for channel in CHANNELS:
            options = ["--channel", channel, "-k", _K, *(["--fusion", fusion] if channel == "fused" else [])]
            _run("retrieve", model, "--input", partial / "requests.parquet", "--out", partial / f"{channel}.parquet", *options)
            part = ["retrieve", model, "--input", partial / "part.parquet", *options]
            _run(*part, "--out", partial / f"{channel}_in_category.parquet", "--category", category)
            _run(*part, "--out", partial / f"{channel}_least_score.parquet", "--min-score", 0.3)
        _from_python(model, requests.head(_PART)).write_parquet(partial / "python.parquet")
        write_json(partial / "explanations.json", _explanations(model, graph))
        _run("evaluate", model, "--cases", _CASES, "--out", partial / "evaluation")
        _run("export", model, "--out", partial / "export")


@main.command()
@click.argument("before", type=PATH)
@click.argument("after", type=PATH)
def compare(before: Path, after: Path) -> None:
    """Compare two folders of answers; exit 1 where they differ."""
    faults = list(_faults(before, after))
    for fault in faults:
        print(fault)
    print(f"{len(faults)} differences between {before} and {after}")
    sys.exit(bool(faults))


def draw_requests(graph: Graph) -> pl.DataFrame:
    """Return `user_id`, `query` and `history` of requests of all kinds, drawn from the graph's own users, queries and products."""
    draw = np.random.default_rng(_SEED)
    users, queries, products = graph.nodes("user").to_series(0), graph.nodes("query")["query"], graph.nodes("product").to_series(0)
    # The rows of the relation are its destinations.
    of_query, of_user, _, _ = graph.before(graph.manifest.test_start).edges(("user", "issues", "query")).flatten()
    event = draw.integers(len(of_query), size=_REQUESTS)
    rows: dict[str, list[Any]] = {"user_id": [], "query": [], "history": []}
    for place, one in enumerate(event.tolist()):
        kind = place % 8
        rows["user_id"].append(_user(users, int(of_user[one]), kind, place))
        rows["query"].append(_query(queries, int(of_query[one]), kind, draw))
        size = int(draw.integers(1, 12))
        rows["history"].append(products.gather(draw.integers(len(products), size=size)).to_list() if kind == 7 else None)
    return pl.DataFrame(
        {
            "user_id": pl.Series(rows["user_id"], dtype=users.dtype),
            "query": rows["query"],
            "history": pl.Series(rows["history"], dtype=pl.List(products.dtype)),
        }
    )


def _user(users: pl.Series, node: int, kind: int, place: int) -> Any:
    if kind == 4:
        return f"nobody {place}" if users.dtype == pl.String else int(users.max()) + place + 1  # type: ignore[arg-type]
    return None if kind in (5, 6) or (kind == 7 and place % 16 == 7) else users[node]


def _query(queries: pl.Series, node: int, kind: int, draw: np.random.Generator) -> str:
    text = str(queries[node])
    if kind not in (3, 6):
        return text
    other = str(queries[int(draw.integers(len(queries)))])
    words = [*text.split(), *other.split()]
    mixed = " ".join(words[place] for place in draw.permutation(len(words))[:3])
    cut = int(draw.integers(len(mixed)))
    return (mixed[:cut] + mixed[cut + 1 :]) if len(mixed) > 4 and draw.random() < 0.4 else mixed


def _largest_category(graph: Graph) -> str:
    """Return the path of the top category that holds most products."""
    taxonomy = graph.taxonomy
    category = np.asarray(taxonomy.product_category)
    top = taxonomy.ancestors()[category[category >= 0]]
    root = np.array([path[path >= 0][-1] for path in top])
    return str(graph.nodes("category")["path"][int(np.bincount(root).argmax())])


def _run(*words: object) -> None:
    command = [sys.executable, "-m", "gnn_search", *map(str, words)]
    print(" ".join(command[2:]), flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _from_python(model: Path, requests: pl.DataFrame) -> pl.DataFrame:
    from gnn_search.requests.request import Request
    from gnn_search.retrieval.retriever import Retriever

    retriever = Retriever.load(model)
    batch = [Request(row["query"], row["user_id"], row["history"]) for row in requests.iter_rows(named=True)]
    found = retriever.search_many(batch, k=_K)
    rows = [(place, hit.rank, hit.product_id, hit.score) for place, hits in enumerate(found) for hit in hits]
    return pl.DataFrame(rows, schema=["request", "rank", "product_id", "score"], orient="row")


def _explanations(model: Path, graph: Graph) -> dict[str, Any]:
    from gnn_search.explanation.explain import Explainer
    from gnn_search.trained.model import open_model

    explainer, draw = Explainer(open_model(model)), np.random.default_rng(_SEED)
    examples = graph.examples("test").filter(pl.col("user").is_not_null())
    sampled = examples[draw.integers(examples.height, size=_EXPLANATIONS)]
    users, queries, products = graph.nodes("user").to_series(0), graph.nodes("query")["query"], graph.nodes("product").to_series(0)
    found = {}
    for place, row in enumerate(sampled.iter_rows(named=True)):
        who = None if place % 5 == 4 else users[row["user"]]
        explanation = explainer.explain(queries[row["query"]], products[row["product"]], who)
        found[f"{place:02d}"] = explanation.model_dump(mode="json")
    return found


def _faults(before: Path, after: Path) -> Iterator[str]:
    """Yield a sentence for each part in which two folders differ."""
    files = [sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()) for folder in (before, after)]
    for name in sorted(set(files[0]) ^ set(files[1])):
        yield f"{name}: only in {before if name in files[0] else after}"
    for name in sorted(set(files[0]) & set(files[1])):
        if hash_files([before / name]) == hash_files([after / name]):
            continue
        if name.endswith(".parquet"):
            yield from _frame_faults(name, pl.read_parquet(before / name), pl.read_parquet(after / name))
        elif name.endswith(".json") and Path(name).name not in ("manifest.json", "fusion.json"):
            yield from _value_faults(name, read_json(before / name, "answers"), read_json(after / name, "answers"))


def _frame_faults(name: str, left: pl.DataFrame, right: pl.DataFrame) -> Iterator[str]:
    if left.columns != right.columns or left.height != right.height:
        yield f"{name}: columns or rows differ ({left.columns}, {left.height}; {right.columns}, {right.height})"
        return
    for column in left.columns:
        one, other = left[column], right[column]
        while one.dtype.is_nested() and one.dtype == other.dtype and isinstance(one.dtype, pl.List | pl.Array):
            one, other = one.explode(), other.explode()
        if one.dtype.is_float() and len(one) == len(other):
            worst = (one.cast(pl.Float64) - other.cast(pl.Float64)).abs().max() or 0.0
            if not isinstance(worst, float) or not worst <= _TOLERANCE or one.null_count() != other.null_count():
                yield f"{name}: {column} differs by up to {worst!r}"
        elif not one.equals(other):
            yield f"{name}: {column} differs"


def _value_faults(place: str, left: Any, right: Any) -> Iterator[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            if key in ("manifest", "seconds", "machine", "speed", "costs"):
                continue
            if key not in left or key not in right:
                yield f"{place}: {key} is only in one"
            else:
                yield from _value_faults(f"{place} {key}", left[key], right[key])
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _value_faults(f"{place}[{number}]", one, other)
    elif isinstance(left, float) and isinstance(right, float | int):
        if not math.isclose(left, right, rel_tol=0, abs_tol=_TOLERANCE):
            yield f"{place}: {left} and {right}"
    elif left != right:
        yield f"{place}: {json.dumps(left)[:80]} and {json.dumps(right)[:80]}"


if __name__ == "__main__":
    main()
