"""Hold a model's ONNX towers to the package on requests of the test period, and measure both on one thread.

Example:
    python -m benchmarks.onnx_speed demo/model --out benchmarks/results/onnx_complete_journey.json
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from gnn_search.cli.options import PATH
from gnn_search.layout import write_json
from gnn_search.machine import describe_machine, library_versions
from gnn_search.threads import set_threads

if TYPE_CHECKING:
    from gnn_search.arrays import Float32, Int32
    from gnn_search.model.node_encoder import NodeEncoder
    from gnn_search.trained.model import Model
    from gnn_search.vectors.onnx.write import OnnxTextTower

_REQUESTS = 1000
_BATCHES = (1, 7, 64)
_ROUNDS = 5


@click.command()
@click.argument("model", type=PATH)
@click.option("--graph", type=PATH, help="The model's graph, where it was moved.")
@click.option("--out", type=PATH, required=True, help="JSON file to be written.")
def main(model: Path, graph: Path | None, out: Path) -> None:
    """Compare the vectors of requests and the time that they take, and write the results as JSON."""
    threads, load = set_threads(1), os.getloadavg()[0]
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        results = measure(model, graph, Path(folder) / "onnx")
    for name, row in results["microseconds"].items():
        click.echo(f"{name}: {row}")
    click.echo(f"greatest differences: {results['greatest_difference']}")
    write_json(out, {"machine": describe_machine(threads), "load_before": round(load, 2), "versions": library_versions(), **results})


def measure(path: Path, graph: Path | None, folder: Path) -> dict[str, Any]:
    """Write the towers into a folder, compare and measure."""
    import torch

    from gnn_search.model.node_encoder import NodeEncoder
    from gnn_search.trained.model import open_model
    from gnn_search.trained.node_embeddings import open_node_embeddings
    from gnn_search.vectors.onnx.write import OnnxTextTower, run_requests, write_onnx_towers

    model = open_model(path, graph)
    shop = open_node_embeddings(model)
    manifest = write_onnx_towers(folder, model, shop)
    info = manifest.personal_tower
    if info is None:
        raise click.ClickException(f"the model {path} has nothing to say of users, so there is no personal tower to measure")
    products = torch.from_numpy(np.array(shop.vectors["product"]))
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of), products)
    examples = model.graph.examples("test")
    picked = examples[np.linspace(0, examples.height - 1, _REQUESTS).astype(np.int64)]
    user, query = picked["user"].fill_null(-1).to_numpy().astype(np.int32), picked["query"].to_numpy().astype(np.int32)
    text_tower = OnnxTextTower(folder, manifest.text_tower)
    texts = model.graph.nodes("query")["query"].gather(query).to_list()
    personal = encoder.encode_requests(user, query).numpy()
    differences = {"text": _greatest(text_tower(texts), encoder.encode_texts(texts).numpy())}
    times: dict[str, dict[str, float]] = {}
    for size in _BATCHES:
        differences[f"personal, batches of {size}"] = _greatest(run_requests(folder, model, encoder, info, user, query, size), personal)
        for name, variant in _variants(model, encoder, folder, text_tower, user, query, size).items():
            times[f"{name}, batches of {size}"] = _time(variant)
    return {"requests": _REQUESTS, "greatest_difference": differences, "microseconds": times}


def _variants(
    model: Model, encoder: NodeEncoder, folder: Path, text_tower: OnnxTextTower, user: Int32, query: Int32, size: int
) -> dict[str, Callable[[], object]]:
    """Return what is measured, each over all requests in batches of a size."""
    from gnn_search.vectors.onnx.manifest import PERSONAL_TOWER
    from gnn_search.vectors.onnx.personal_tower import user_of
    from gnn_search.vectors.onnx.serving import ServingTables
    from gnn_search.vectors.onnx.write import open_session

    tables, session = ServingTables.open(folder), open_session(folder / PERSONAL_TOWER)
    texts = model.graph.nodes("query")["query"].gather(query).to_list()
    vectors, history_query, products = encoder.encode_queries(query), encoder.history_query(query), encoder.products.numpy()
    users = [user_of(model.graph, int(who), encoder.view.time) for who in user]

    def make(part: slice) -> dict[str, Any]:
        return tables.inputs(vectors[part].numpy(), history_query[part].tolist(), users[part], products)

    def encode_here(part: slice) -> object:
        return encoder.encode_texts(texts[part])

    def encode_there(part: slice) -> object:
        return text_tower(texts[part])

    def personalise(part: slice) -> object:
        return encoder.personalise(vectors[part], user[part], history_query[part])

    parts = [slice(start, min(start + size, len(user))) for start in range(0, len(user), size)]
    made = {part.start: make(part) for part in parts}

    def run(part: slice) -> object:
        return session.run(["personal"], made[part.start])

    variants = {
        "text tower, ONNX Runtime": encode_there,
        "text tower, gnn-search": encode_here,
        "inputs of the personal tower, serving.py": make,
        "personal tower, ONNX Runtime": run,
        "inputs and personal tower, gnn-search": personalise,
    }
    return {name: partial(_each, variant, parts) for name, variant in variants.items()}


def _each(variant: Callable[[slice], object], parts: list[slice]) -> None:
    for part in parts:
        variant(part)


def _greatest(theirs: Float32, ours: Float32) -> float:
    return float(np.abs(theirs - ours).max())


def _time(variant: Callable[[], object]) -> dict[str, float]:
    """Return the median microseconds a request over some rounds, by the CPU and by the clock."""
    variant()
    cpu, wall = [], []
    for _ in range(_ROUNDS):
        at = time.process_time(), time.perf_counter()
        variant()
        cpu.append(time.process_time() - at[0])
        wall.append(time.perf_counter() - at[1])
    return {"cpu": round(float(np.median(cpu)) / _REQUESTS * 1e6, 1), "wall": round(float(np.median(wall)) / _REQUESTS * 1e6, 1)}


if __name__ == "__main__":
    main()
