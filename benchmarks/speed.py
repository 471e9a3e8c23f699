"""Measure building, opening, training and exact search on the demo shop.

Example:
    python -m benchmarks.speed --demo demo --out benchmarks/results/speed.json
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gnn_search.cli.options import PATH
from gnn_search.config.training import TrainingConfig
from gnn_search.layout import write_json
from gnn_search.machine import describe_machine
from gnn_search.threads import set_threads

if TYPE_CHECKING:
    from gnn_search.retrieval.options import Channel

_STEPS = 60
_CASES = 20_000
_OPENINGS = 21
_COLD_STARTS = 5
_TEXTS, _SINGLE = 5_000, 200


@click.command()
@click.option("--demo", type=PATH, default=Path("demo"), show_default=True, help="What `gnn-search demo` made.")
@click.option("--out", type=PATH, default=Path("benchmarks/results/speed.json"), show_default=True, help="JSON file to be written.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all]")
def main(demo: Path, out: Path, threads: int | None) -> None:
    """Measure each part in a process of its own and write the results as JSON."""
    used = set_threads(threads)
    results: dict[str, Any] = {"machine": describe_machine(used), "parts": {}}
    for name in PARTS:
        click.echo(f"{name} …", err=True)
        results["parts"][name] = _run_apart(name, demo)
        click.echo(f"{name}: {results['parts'][name]}")
    write_json(out, results)


def build(demo: Path) -> dict[str, Any]:
    """Build the demo graph from its tables."""
    from gnn_search.config.recipe import Recipe
    from gnn_search.graph.build import build_graph

    with tempfile.TemporaryDirectory() as folder:
        return _timed(lambda: build_graph(Recipe.load("complete_journey"), demo / "tables", Path(folder) / "graph"))


def open_graph(demo: Path) -> dict[str, Any]:
    """Open the demo graph, warm, many times."""
    from gnn_search.graph.store import Graph

    seconds = []
    for _ in range(_OPENINGS):
        start = time.perf_counter()
        Graph.open(demo / "graph")
        seconds.append(time.perf_counter() - start)
    return {"median_ms": 1000 * statistics.median(seconds), "first_ms": 1000 * seconds[0], "openings": _OPENINGS}


def train(demo: Path) -> dict[str, Any]:
    """Train some steps of the demo configuration, validations left out."""
    from gnn_search.graph.store import Graph
    from gnn_search.training.loop import StepReport
    from gnn_search.training.loop import train as run

    settings = TrainingConfig.load("complete_journey")
    graph = Graph.open(demo / "graph")
    reports: list[tuple[float, float, StepReport]] = []

    class _EnoughError(Exception):
        pass

    def listener(report: StepReport) -> None:
        reports.append((time.perf_counter(), time.process_time(), report))
        if report.step == _STEPS:
            raise _EnoughError

    out = Path(tempfile.mkdtemp()) / "model"
    try:
        run(settings, graph, out, listener=listener)
    except _EnoughError:
        pass
    finally:
        shutil.rmtree(out.parent)
    warm = _STEPS // 4
    examples = sum(report.examples for _, _, report in reports[warm:])
    wall, cpu = reports[-1][0] - reports[warm - 1][0], reports[-1][1] - reports[warm - 1][1]
    return {
        "examples_per_second": examples / wall,
        "cpu_seconds_per_1000_examples": 1000 * cpu / examples,
        "share_waiting_for_batches": reports[-1][2].waiting,
        "dimension": settings.dimension,
        "batch_size": settings.loop.batch_size,
        "steps": _STEPS - warm,
    }


def search_vectors(demo: Path) -> dict[str, Any]:
    """Encode 20,000 test cases and rank the whole catalogue exactly by vectors."""
    return _search(demo, "vector")


def search_full(demo: Path) -> dict[str, Any]:
    """Rank the whole catalogue exactly for 20,000 test cases by the reranked channel."""
    return _search(demo, "reranked")


def search_words(demo: Path) -> dict[str, Any]:
    """Index the words of the demo catalogue, then search many texts together, single ones, and misspelt words."""
    import polars as pl

    from gnn_search.graph.lexical.index import LexicalIndex
    from gnn_search.graph.store import Graph

    graph = Graph.open(demo / "graph")
    titles = graph.nodes("product")["title"].unique().sort().gather_every(7).head(_TEXTS)
    start = time.perf_counter()
    index = LexicalIndex(graph)
    built = time.perf_counter()
    index.search(titles, 100)
    searched = time.perf_counter()
    for title in titles.head(_SINGLE).to_list():
        index.search(pl.Series([title]), 100)
    single = time.perf_counter()
    words = [word[:2] + word[3:] for word in index.vocabulary.words.to_list() if len(word) > 5 and word.isalpha()][:_SINGLE]
    begun = time.perf_counter()
    for word in words:
        index.vocabulary.spelling.near(word, 3)
    near = time.perf_counter()
    return {
        "build_seconds": built - start,
        "distinct_words": len(index.vocabulary.words),
        "ms_a_text_of_many": 1000 * (searched - built) / len(titles),
        "ms_a_single_text": 1000 * (single - searched) / min(_SINGLE, len(titles)),
        "ms_a_misspelt_word": 1000 * (near - begun) / max(len(words), 1),
    }


def cold_search(demo: Path) -> dict[str, Any]:
    """Run `gnn-search search` in processes of its own, from import to table."""
    command = [sys.executable, "-m", "gnn_search", "search", str(demo / "model"), "frozen pizza", "--user", "1347"]
    seconds = []
    for _ in range(_COLD_STARTS):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    return {"median_seconds": statistics.median(seconds), "slowest_seconds": max(seconds), "starts": _COLD_STARTS}


PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "build": build,
    "open_graph": open_graph,
    "train": train,
    "search_vectors": search_vectors,
    "search_full": search_full,
    "search_words": search_words,
    "cold_search": cold_search,
}


def _search(demo: Path, kind: Channel) -> dict[str, Any]:
    from gnn_search.graph.cases import build_cases
    from gnn_search.retrieval.options import RankingOptions
    from gnn_search.retrieval.retriever import Retriever
    from gnn_search.trained.model import open_model

    model = open_model(demo / "model", demo / "graph")
    cases = build_cases(model.graph, "test", _CASES)
    retriever = Retriever(model, RankingOptions(kind), cases.time)
    measured = _timed(lambda: retriever.ranker.rank(retriever.encoder.encode_nodes(cases.user, cases.query), 100))
    return {**measured, "cases": len(cases), "products": model.graph.num_nodes["product"], "places": 100}


def _timed(work: Callable[[], object]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def _run_apart(name: str, demo: Path) -> dict[str, Any]:
    """Run a part in a fresh process, so that peak memory is its own; a part that failed is kept as such."""
    code = "import json, sys, pathlib, benchmarks.speed as s; print(json.dumps(s.part(sys.argv[1], pathlib.Path(sys.argv[2]))))"
    load = os.getloadavg()[0]
    done = subprocess.run([sys.executable, "-c", code, name, str(demo)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return {"failed": said[-1] if said else f"exit code {done.returncode}", "load_before": load}
    return {**json.loads(done.stdout.splitlines()[-1]), "load_before": load}


def part(name: str, demo: Path) -> dict[str, Any]:
    """Run one part in this process and add its peak memory."""
    measured = PARTS[name](demo)
    return {**measured, "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    main()
