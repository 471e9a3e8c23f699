"""Measure every kind of index on a million synthetic products, and on a model's own products and requests.

The synthetic vectors are a mixture: 2,000 random directions, around each of which vectors are spread by Gaussian noise that is stronger in
some directions than in others. Its strength gives the 100th nearest product of a request about the cosine that it has on the demo; its
spectrum lies between that of the demo's vectors, which vary in fewer directions, and even noise, in which nothing can be found but by
looking at everything. `contrast` in the results tells both sets' cosines and local intrinsic dimensions.

Example:
    python -m benchmarks.index --out benchmarks/results/index.json
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from gnn_search.cli.options import PATH
from gnn_search.layout import read_json, write_json
from gnn_search.machine import describe_machine
from gnn_search.threads import set_threads

_DIMENSION, _CLUSTERS, _QUERIES = 128, 2000, 1000
_SPREAD, _DECAY = 1.3, 0.5
_BLOCK = 50_000

PARTS: dict[str, list[dict[str, Any]]] = {
    "ivf_pq": [
        {"kind": "ivf_pq"},
        {"kind": "ivf_pq", "full": "float16"},
        {"kind": "ivf_pq", "full": "int8"},
        {"kind": "ivf_pq", "full_in": "disk"},
        {"kind": "ivf_pq", "full": "none"},
    ],
    "ivf_hnsw_pq": [{"kind": "ivf_hnsw_pq"}],
    "ivf_sq8": [{"kind": "ivf_sq8"}],
    "ivf_flat": [{"kind": "ivf_flat"}],
    "flat": [{"kind": "flat"}],
    "fp16": [{"kind": "fp16"}],
    "sq8": [{"kind": "sq8"}],
    "hnsw": [{"kind": "hnsw"}],
}
"""Each part makes one FAISS index, and searches it with one or several settings."""


@click.command()
@click.option("--out", type=PATH, default=Path("benchmarks/results/index.json"), show_default=True, help="JSON file to be written.")
@click.option("--products", type=click.IntRange(min=1000), default=1_000_000, show_default=True, help="Synthetic products.")
@click.option("--model", type=PATH, default=Path("demo/model"), show_default=True, help="Model whose products are indexed too.")
@click.option("--graph", type=PATH, help="The model's graph, where it was moved.")
@click.option("--part", "parts", type=click.Choice([*PARTS]), multiple=True, help="Measure this part alone, may be given several times.")
@click.option("--data", type=click.Choice(["synthetic", "model"]), multiple=True, help="Measure on these alone.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of building and of batches.")
def main(out: Path, products: int, model: Path, graph: Path | None, parts: tuple[str, ...], data: tuple[str, ...], threads: int) -> None:
    """Measure each part in a process of its own; what was measured before and is not wanted now stays in the file."""
    used = set_threads(threads)
    results: dict[str, Any] = read_json(out, "results of this benchmark") if out.exists() else {"data": {}}
    results["machine"] = describe_machine(used)
    for name in data or ("model", "synthetic"):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            click.echo(f"{name}: vectors …", err=True)
            _write_synthetic(place, products) if name == "synthetic" else _write_model(place, model, graph)
            found = results["data"].setdefault(name, {"parts": {}})
            found["contrast"] = _contrast(place)
            for part in parts or PARTS:
                click.echo(f"{name}: {part} …", err=True)
                found["parts"][part] = _run_apart(part, place)
                click.echo(f"{name}: {part}: {json.dumps(found['parts'][part])}")
                write_json(out, results)


def measure(part: str, folder: Path) -> list[dict[str, Any]]:
    """Build, write, open and measure one part's indices."""
    import polars as pl

    from gnn_search.index.approximate import ApproximateIndex
    from gnn_search.index.flat import FlatIndex
    from gnn_search.index.full_vectors import FullVectors
    from gnn_search.index.measure import Seconds, measure_index
    from gnn_search.index.settings import IndexSettings
    from gnn_search.index.store import open_index, save_index

    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    queries, exact = np.load(folder / "queries.npy"), np.load(folder / "exact.npy")
    ids = pl.Series("product_id", np.arange(len(vectors)))
    variants = [IndexSettings.model_validate(variant).resolve(*vectors.shape) for variant in PARTS[part]]
    start = Seconds.read()
    bare = variants[0].model_copy(update={"full": "none"})
    made: Any = FlatIndex.build(vectors, ids) if part == "flat" else ApproximateIndex.build(vectors, bare, ids)
    build = start.since()
    results = []
    for place, settings in enumerate(variants):
        start = Seconds.read()
        target = folder / f"{part}-{place}"
        if part == "flat":
            save_index(made, target)
        else:
            file = folder / f"{part}-{place}.npy" if settings.full_in == "disk" else None
            full = None if settings.precision is None else FullVectors.encode(vectors, settings.precision, file)
            save_index(made.with_settings(settings, full), target)
            full = None
        more = start.since()
        if place == len(variants) - 1:
            made = None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        index = open_index(target)
        spent = Seconds(build.wall + more.wall, build.cpu + more.cpu)
        load = os.getloadavg()[0]
        measured = measure_index(index, target, vectors, queries, spent, exact)
        results.append(
            {
                **measured.model_dump(mode="json"),
                "variant": PARTS[part][place],
                "faiss": settings.description(),
                "settings": settings.model_dump(mode="json"),
                "peak_memory_mb_of_building": peak,
                "load_before": load,
            }
        )
        index = None  # type: ignore[assignment]
    return results


def _write_synthetic(folder: Path, products: int) -> None:
    """Write a mixture's products and requests, of one distribution."""
    random = np.random.Generator(np.random.Philox(0))
    centres = _unit(random.normal(size=(_CLUSTERS, _DIMENSION)))
    strength = np.arange(1, _DIMENSION + 1) ** -_DECAY
    noise = _SPREAD * strength / np.linalg.norm(strength)
    turn = np.linalg.qr(random.normal(size=(_DIMENSION, _DIMENSION)))[0]

    def draw(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        around = centres[random.integers(0, _CLUSTERS, count)]
        return _unit(around + (random.normal(size=(count, _DIMENSION)) * noise) @ turn).astype(np.float32)

    vectors = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float32, shape=(products, _DIMENSION))
    for start in range(0, products, _BLOCK):
        vectors[start : start + _BLOCK] = draw(min(_BLOCK, products - start))
    vectors.flush()
    np.save(folder / "queries.npy", draw(_QUERIES))


def _write_model(folder: Path, path: Path, graph: Path | None) -> None:
    """Write a model's products and its requests of the validation period."""
    from gnn_search.index.model_products import held_out_queries
    from gnn_search.trained.model import open_model
    from gnn_search.trained.node_embeddings import open_node_embeddings

    model = open_model(path, graph)
    shop = open_node_embeddings(model)
    np.save(folder / "vectors.npy", shop.vectors["product"])
    np.save(folder / "queries.npy", held_out_queries(model, shop, _QUERIES))


def _contrast(folder: Path) -> dict[str, Any]:
    """Write the exact scores, and return how requests lie among the products.

    The local intrinsic dimension is the maximum-likelihood estimate from the distances of the 100 nearest (Levina and Bickel 2004).
    """
    from gnn_search.index.measure import nearest

    vectors, queries = np.load(folder / "vectors.npy", mmap_mode="r"), np.load(folder / "queries.npy")
    score = nearest(vectors, queries, min(1000, len(vectors)))[0]
    np.save(folder / "exact.npy", score[:, :100])
    distance = np.sqrt(np.maximum(2 - 2 * score[:, :100].astype(np.float64), 1e-12))
    dimension = -1 / np.mean(np.log(distance[:, :-1] / distance[:, -1:]), axis=1)
    return {
        "products": len(vectors),
        "queries": len(queries),
        "dimension": int(vectors.shape[1]),
        "median_cosine_of_the_nth": {n: float(np.median(score[:, n - 1])) for n in (1, 10, 100, 1000)},
        "median_local_intrinsic_dimension": float(np.median(dimension)),
    }


def _unit(vectors: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _run_apart(part: str, folder: Path) -> list[dict[str, Any]] | dict[str, Any]:
    """Run a part in a fresh process; one that failed is kept as such."""
    code = "import json, sys, pathlib, benchmarks.index as b; print(json.dumps(b.measure(sys.argv[1], pathlib.Path(sys.argv[2]))))"
    done = subprocess.run([sys.executable, "-c", code, part, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return {"failed": said[-1] if said else f"exit code {done.returncode}"}
    results: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return results


if __name__ == "__main__":
    main()
