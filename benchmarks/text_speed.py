"""Measure how many texts a second the text tower of a configuration encodes on one thread: in torch, and by the file that servers copy.

The texts are the words of a graph's queries in new combinations; weights are not trained, as they change no time.

Example:
    python -m benchmarks.text_speed demo/graph --out benchmarks/results/text_speed.json
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.retrieval import new_texts
from gnn_search.cli.options import PATH
from gnn_search.layout import ModelLayout, write_json
from gnn_search.machine import describe_machine, library_versions
from gnn_search.threads import set_threads

if TYPE_CHECKING:
    from gnn_search.model.bag_tower import BagTower

Encode = Callable[[Sequence[str]], object]
"""Encodes texts."""
_TEXTS, _ROUNDS = 20_000, 3
_BATCHES = (1, 64, 2048)
_PARTS = (("static", "terms"), ("static",), ("terms",))


@click.command()
@click.argument("graph", type=PATH)
@click.option("--out", type=PATH, help="JSON file to be written.")
def main(graph: Path, out: Path | None) -> None:
    """Time the parts of the text tower and write the texts a second of CPU as JSON."""
    threads, load = set_threads(1), os.getloadavg()[0]
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    results = measure(graph)
    for name, rate in results["texts_per_cpu_second"].items():
        click.echo(f"{name}: {rate:,} texts a second of CPU")
    if out is not None:
        write_json(out, {"machine": describe_machine(threads), "load_before": round(load, 2), "versions": library_versions(), **results})


def measure(path: Path) -> dict[str, Any]:
    """Measure every tower and way in batches of every size; the median of some rounds."""
    import torch

    from gnn_search.config.training import TextSettings, TrainingConfig
    from gnn_search.graph.store import Graph
    from gnn_search.model.bag_tower import BagTower
    from gnn_search.model.text_encoder import TextEncoder
    from gnn_search.model.text_towers import make_text_tower
    from gnn_search.vectors.text_model import write_piece_model

    graph, config = Graph.open(path), TrainingConfig(name="text_speed")
    texts = new_texts(graph.nodes("query")["query"].to_list(), _TEXTS)
    rates: dict[str, int] = {}
    for parts in _PARTS:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            tower = make_text_tower(TextSettings(parts=parts), config.dimension, graph, ModelLayout(Path(folder)))
            assert isinstance(tower, BagTower)
            write_piece_model(Path(folder) / "tower", tower)
            ways: dict[str, Encode] = {"gnn-search": _of_tower(tower), "text_encoder.py": TextEncoder(Path(folder) / "tower")}
            for name, encode in ways.items():
                for size in _BATCHES:
                    rates[f"{' + '.join(parts)}, {name}, batches of {size}"] = _rate(encode, texts, size)
    return {"texts": len(texts), "letters_a_text": float(np.mean([len(text) for text in texts])), "texts_per_cpu_second": rates}


def _of_tower(tower: BagTower) -> Encode:
    from torch.nn import functional

    return lambda texts: functional.normalize(tower(texts), dim=1).numpy()


def _rate(encode: Encode, texts: Sequence[str], size: int) -> int:
    seconds = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        for first in range(0, len(texts), size):
            encode(texts[first : first + size])
        seconds.append(time.process_time() - start)
    return round(len(texts) / float(np.median(seconds)))


if __name__ == "__main__":
    main()
