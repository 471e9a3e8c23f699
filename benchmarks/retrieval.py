"""Measure what `gnn-search retrieve` costs beside a bare search, its memory, and that a killed run ends as an unbroken one does.

The requests are rows of the graph's events, drawn with a seed. Encoding alone uses cold queries: words of the graph's queries
in new combinations.

Example:
    python -m benchmarks.retrieval --model demo/model --out benchmarks/results/retrieval.json
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gnn_search.cli.options import PATH
from gnn_search.layout import hash_files, read_json, write_json
from gnn_search.machine import describe_machine
from gnn_search.memory import release_free_memory
from gnn_search.threads import set_threads

if TYPE_CHECKING:
    from gnn_search.graph.store import Graph
    from gnn_search.retrieval.options import Channel
    from gnn_search.retrieval.retrieve import RetrievalSummary
    from gnn_search.trained.model import Model

_SEED = 0
_TEXTS = 100_000
_COST = 32_768
"""Requests whose cost is measured."""
_FULL = 20_000
"""Requests by the reranked channel."""
_KILLS = 3


@dataclass(frozen=True)
class Task:
    """What is measured: a model, the folder for requests and results, how many requests, the length of lists."""

    model: str
    work: str
    rows: int
    k: int

    def requests(self, rows: int) -> Path:
        """Return the file of so many requests, and make it where it is not there."""
        from gnn_search.layout import staged

        path = Path(self.work) / f"requests_{rows}.parquet"
        if not path.exists():
            with staged(path, replace=True) as place:
                _draw_requests(self.open().graph, rows).write_parquet(place)
        return path

    def results(self, name: str) -> Path:
        return Path(self.work) / f"results_{name}.parquet"

    def open(self) -> Model:
        from gnn_search.trained.model import open_model

        return open_model(Path(self.model))


@click.command()
@click.option("--model", type=PATH, required=True, help="A model folder.")
@click.option("--out", type=PATH, default=Path("benchmarks/results/retrieval.json"), show_default=True, help="JSON file to be written.")
@click.option("--rows", type=click.IntRange(min=10), default=1_000_000, show_default=True, help="Requests, and a tenth of them beside.")
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="Products a request.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
@click.option("--work", type=PATH, help="Keep requests and results in this folder.  [default: a temporary one]")
@click.option("--only", "only", multiple=True, metavar="PART", help="Measure this part, and keep the others of an earlier --out.")
def main(model: Path, out: Path, rows: int, k: int, threads: int, work: Path | None, only: tuple[str, ...]) -> None:
    """Measure each part in a process of its own and write the results as JSON."""
    if unknown := set(only) - set(PARTS):
        raise click.UsageError(f"there is no part {sorted(unknown)[0]}; give one of {', '.join(PARTS)}")
    set_threads(threads)
    kept = read_json(out, "a file of results")["parts"] if only and out.exists() else {}
    parts: dict[str, Any] = dict(kept)
    with tempfile.TemporaryDirectory() as folder:
        if work is not None:
            work.mkdir(parents=True, exist_ok=True)
        task = Task(str(model), str(work or folder), rows, k)
        for name in only or PARTS:
            click.echo(f"{name} …", err=True)
            parts[name] = _run_apart(name, task)
            click.echo(f"{name}: {parts[name]}")
            write_json(out, {"machine": describe_machine(threads), "requests": rows, "k": k, "seed": _SEED, "parts": parts})


def encode(task: Task) -> dict[str, Any]:
    """Encode distinct new texts with the text tower."""
    import torch

    model = task.open()
    texts = new_texts(model.graph.nodes("query")["query"].to_list(), _TEXTS)

    @torch.no_grad()
    def all_texts() -> None:
        for start in range(0, len(texts), _block()):
            model.towers.text(texts[start : start + _block()])

    measured = _timed(all_texts)
    return {**measured, "texts": len(texts), "texts_per_cpu_second": len(texts) / measured["cpu_seconds"]}


def new_texts(queries: list[str], count: int) -> list[str]:
    """Put the words of queries together anew, as many as these have, each text with a number of its own."""
    import numpy as np

    cut = [query.split() for query in queries]
    words, lengths = sorted({word for query in cut for word in query}), [len(query) for query in cut]
    drawn = np.random.default_rng(_SEED)
    sizes = drawn.choice(lengths, count)
    return [" ".join([*drawn.choice(words, size), str(place)]) for place, size in enumerate(sizes)]


def cost_vector(task: Task) -> dict[str, Any]:
    """Compare `retrieve` by vectors with encoding and a search of the same blocks: the package's exact one, and FAISS alone."""
    return _cost(task, "vector", _COST)


def cost_full(task: Task) -> dict[str, Any]:
    """Time `retrieve` by the reranked channel."""
    return _cost(task, "reranked", _FULL)


def memory_tenth(task: Task) -> dict[str, Any]:
    """Watch memory over a tenth of the requests."""
    return _memory(task, max(1, task.rows // 10), "vector", "tenth")


def memory_all(task: Task) -> dict[str, Any]:
    """Watch memory over all requests."""
    return _memory(task, task.rows, "vector", "unbroken")


def memory_full(task: Task) -> dict[str, Any]:
    """Watch memory over some requests by the reranked channel, in lists of a hundred."""
    return _memory(task, _FULL, "reranked", "reranked", k=100)


def killed(task: Task) -> dict[str, Any]:
    """Kill `gnn-search retrieve` three times at random, let it end, and compare its file with that of an unbroken run."""
    source, out = task.requests(task.rows), task.results("killed")
    command = [sys.executable, "-m", "gnn_search", "retrieve", task.model, "--input", str(source), "--out", str(out), "-k", str(task.k)]
    command += ["--channel", "vector", "--resume", "--json"]
    folder = out.with_name(f"{out.name}.unfinished")
    drawn = random.Random(_SEED)
    blocks = -(-task.rows // _block())
    kills = []
    for least in sorted(drawn.sample(range(1, blocks), min(_KILLS, blocks - 1))):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None and len(list(folder.glob("*.parquet"))) < least:
            time.sleep(0.01)
        time.sleep(drawn.random())
        process.kill()
        process.wait()
        kills.append({"exit_code": process.returncode, "blocks_kept": len(list(folder.glob("*.parquet")))})
    last = subprocess.run(command, capture_output=True, check=True, text=True)
    summary = json.loads(last.stdout)
    unbroken = task.results("unbroken")
    if not unbroken.exists():
        _retrieve(task, task.rows, "vector", "unbroken")
    return {
        "kills": kills,
        "blocks": blocks,
        "requests": summary["requests"],
        "answered_before_the_last_start": summary["resumed"],
        "same_bytes_as_unbroken": hash_files([out]) == hash_files([unbroken]),
        "left_beside": sorted(path.name for path in out.parent.glob(f"*{out.name}*") if path != out),
    }


PARTS: dict[str, Callable[[Task], dict[str, Any]]] = {
    "encode": encode,
    "cost_vector": cost_vector,
    "cost_full": cost_full,
    "memory_tenth": memory_tenth,
    "memory_all": memory_all,
    "memory_full": memory_full,
    "killed": killed,
}


def _cost(task: Task, kind: Channel, rows: int) -> dict[str, Any]:
    import numpy as np
    import polars as pl
    import torch  # noqa: F401  # before FAISS, as everywhere

    import faiss  # isort: skip

    from gnn_search.index.flat import FlatIndex
    from gnn_search.requests.parser import RequestParser
    from gnn_search.requests.request_file import RequestFile
    from gnn_search.retrieval.request_encoder import RequestEncoder
    from gnn_search.trained.node_embeddings import open_node_embeddings

    source, model = task.requests(rows), task.open()
    found: dict[str, Any] = {"requests": rows, "products": model.graph.num_nodes["product"]}
    if kind == "vector":
        embeddings = open_node_embeddings(model)
        encoder, index = RequestEncoder(model, embeddings), FlatIndex.build(embeddings.vectors["product"])
        parser = RequestParser(model, embeddings.as_of)
        file, spent = RequestFile(source, model.graph), {"encode": _Spent(), "search": _Spent(), "faiss_alone": _Spent()}
        bare = faiss.IndexFlatIP(model.manifest.dimension)
        bare.add(np.ascontiguousarray(embeddings.vectors["product"]))
        for table in file.blocks(file.check(), _block()):
            batch = parser.parse_table(table)
            distinct = pl.DataFrame({"user": batch.user, "text": batch.text}).unique().sort("user", "text")
            encoded = spent["encode"].add(partial(encoder.encode, distinct["user"].to_numpy(), distinct["text"]))
            spent["search"].add(partial(index.search, encoded.vector.numpy(), task.k))
            spent["faiss_alone"].add(partial(bare.search, encoded.vector.numpy(), task.k))
        found |= {name: asdict(one) for name, one in spent.items()}
        del encoder, index, bare
    watch = _Watch()
    _retrieve(task, rows, kind, f"cost_{kind}", watch)
    found["retrieve"] = {"wall_seconds": watch.wall, "cpu_seconds": watch.cpu}
    for search in ("search", "faiss_alone") if kind == "vector" else ():
        for clock in ("wall_seconds", "cpu_seconds"):
            found[f"retrieve_over_encode_and_{search}_{clock}"] = found["retrieve"][clock] / (found["encode"][clock] + found[search][clock])
    return found


def _memory(task: Task, rows: int, kind: Channel, name: str, k: int | None = None) -> dict[str, Any]:
    task.requests(rows)
    watch = _Watch()
    summary = _retrieve(task, rows, kind, name, watch, k)
    return {
        "requests": summary.requests,
        "rows": summary.rows,
        "wall_seconds": watch.wall,
        "cpu_seconds": watch.cpu,
        "opened_mb": watch.opened_mb,
        "peak_mb": watch.peak_mb(),
        "peak_above_opened_mb": watch.peak_mb() - watch.opened_mb,
    }


@dataclass
class _Spent:
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0

    def add(self, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.wall_seconds += time.perf_counter() - wall
        self.cpu_seconds += time.process_time() - cpu
        return result


class _Watch:
    """Times a retrieval without the opening of the vectors and the index, and its peak of memory from then on.

    Opening lies between the last look at the input and the first word of answers. What it freed is given back to the system before the
    peak is counted anew, as else answering could hide in it.
    """

    def __init__(self) -> None:
        self.wall, self.cpu, self.opened_mb = 0.0, 0.0, 0.0
        self._last, self._stage = self._now(), "check"

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage == self._stage:
            self.lap()
        else:
            release_free_memory()
            Path("/proc/self/clear_refs").write_text("5")
            self._stage, self.opened_mb = stage, _status_mb("VmRSS")
            self._last = self._now()

    def lap(self) -> None:
        now = self._now()
        self.wall, self.cpu = self.wall + now[0] - self._last[0], self.cpu + now[1] - self._last[1]
        self._last = now

    def peak_mb(self) -> float:
        return _status_mb("VmHWM")

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()


def _retrieve(task: Task, rows: int, kind: Channel, name: str, watch: _Watch | None = None, k: int | None = None) -> RetrievalSummary:
    from gnn_search.retrieval.options import open_ranking_options
    from gnn_search.retrieval.retrieve import retrieve

    source, model, out = task.requests(rows), task.open(), task.results(name)
    out.unlink(missing_ok=True)
    watch = watch or _Watch()
    watch._last = watch._now()
    summary = retrieve(
        model, source, out, k or task.k, model.graph.manifest.test_start, options=open_ranking_options(model, kind), progress=watch
    )
    watch.lap()
    return summary


def _draw_requests(graph: Graph, rows: int) -> Any:
    import polars as pl

    events = pl.concat([pl.read_parquet(file, columns=["user", "query"]) for file in sorted((graph.path / "examples").glob("*.parquet"))])
    drawn = events.sample(rows, with_replacement=rows > events.height, shuffle=True, seed=_SEED)
    user = drawn["user"].cast(pl.Int64)
    users, queries = graph.nodes("user").to_series(0), graph.nodes("query")["query"]
    return pl.DataFrame({"user_id": users.gather(user.set(user < 0, None)), "query": queries.gather(drawn["query"])})


def _status_mb(name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    return int(found[1]) / 1024 if found else float("nan")


def _timed(work: Callable[[], object]) -> dict[str, float]:
    spent = _Spent()
    spent.add(work)
    return asdict(spent)


def _block() -> int:
    from gnn_search.retrieval.retrieve import BLOCK_REQUESTS

    return BLOCK_REQUESTS


def _run_apart(name: str, task: Task) -> dict[str, Any]:
    """Run a part in a fresh process, so that memory is its own; a part that failed is kept as such."""
    code = "import json, sys, benchmarks.retrieval as r; print(json.dumps(r.PARTS[sys.argv[1]](r.Task(**json.loads(sys.argv[2])))))"
    load = os.getloadavg()[0]
    done = subprocess.run([sys.executable, "-c", code, name, json.dumps(asdict(task))], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return {"failed": f"exit code {done.returncode}", "load_before": load}
    return {**json.loads(done.stdout.splitlines()[-1]), "load_before": load}


if __name__ == "__main__":
    main()
