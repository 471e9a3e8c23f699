"""Measure a model's channels alone and fused on all cases of a period.

Each channel ranks every case once, 200 products deep; its own first 100 are measured alone, and all of them are what is fused. So the cost
of rrf and fused is that of fusing alone, and the cost of full holds that of encoding the requests for all.

Example:
    gnn-search fuse demo/model --out demo/fusion
    python -m benchmarks.fusion demo/model --fusion demo/fusion --out benchmarks/results/fusion_complete_journey.json
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

from gnn_search.cli.options import PATH, graph_option, threads_option
from gnn_search.cli.output import console, progress
from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.evaluation.result import Evaluation
from gnn_search.evaluation.slices import report_slices
from gnn_search.evaluation.table import render
from gnn_search.graph.cases import build_cases
from gnn_search.graph.csr import Int32
from gnn_search.layout import write_json
from gnn_search.machine import describe_machine
from gnn_search.model.store import Model, open_model
from gnn_search.retrieval.channels import channel_parts
from gnn_search.retrieval.fused_channel import DEPTH, FusedChannel, Part
from gnn_search.retrieval.fusion.reciprocal_rank import reciprocal_ranks
from gnn_search.retrieval.fusion.store import open_fusion
from gnn_search.retrieval.fusion.weighted_sum import WeightedSum
from gnn_search.retrieval.ranking import Ranker, Ranking
from gnn_search.retrieval.vector_channel import Asked, VectorChannel
from gnn_search.vectors.shop_vectors import ShopVectors, open_shop_vectors

_BASELINES = ("own_history", "recent_history", "query_popularity_then_bm25")
_SLICES = ("all", "repeat", "first-time", "new product", "new query")


@click.command()
@click.argument("model", type=PATH)
@click.option("--fusion", type=PATH, required=True, help="Weights, from gnn-search fuse.")
@click.option("--out", type=PATH, required=True, help="JSON file to be written.")
@click.option("--cases", type=click.IntRange(min=1), help="Cases to draw.  [default: all]")
@click.option("--reference", default="fused", show_default=True, help="Method whose lead over every other is shown.")
@graph_option
@threads_option
def command(model: Path, fusion: Path, out: Path, cases: int | None, reference: str, graph: Path | None) -> None:
    """Write the recalls of all ways of ranking, and the leads of one, with intervals over shoppers, as JSON."""
    opened = open_model(model, graph)
    asked = build_cases(opened.graph, "test", cases)
    rankers = [*_rankers(opened, asked.time, fusion), *build_baselines(opened.graph, asked.time, _BASELINES)]
    with progress("cases") as bars:
        tasks = {ranker.name: bars.add_task(ranker.name, total=len(asked)) for ranker in rankers}
        evaluation = evaluate(
            asked,
            rankers,
            opened.graph,
            reference=reference,
            slices=[part for part in report_slices(asked, opened.graph, {}) if part.name in _SLICES],
            progress=lambda name, done, total: bars.update(tasks[name], completed=done),
        )
    write_json(out, _result(evaluation, opened, fusion))
    console().print(render(evaluation))


class _Encoder(VectorChannel):
    """Encodes each block of requests once."""

    def __init__(self, model: Model, shop: ShopVectors) -> None:
        super().__init__(model, shop)
        self._kept: dict[tuple[bytes, bytes], Asked] = {}

    def ask(self, user: Int32, query: Int32) -> Asked:
        key = user.tobytes(), query.tobytes()
        if key not in self._kept:
            self._kept[key] = super().ask(user, query)
        return self._kept[key]


class _Kept:
    """A channel that ranks each block of requests once."""

    def __init__(self, part: Part, encoder: _Encoder, name: str) -> None:
        self.name = name
        self._part, self._encoder = part, encoder
        self._lists: dict[int, Ranking] = {}

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        return self.search(self._encoder.ask(user, query), k)

    def search(self, asked: Asked, k: int, allowed: Int32 | None = None) -> Ranking:
        assert allowed is None
        if id(asked) not in self._lists:
            self._lists[id(asked)] = self._part.search(asked, min(DEPTH, self._encoder.index.count))
        found = self._lists[id(asked)]
        return Ranking(found.product[:, :k], found.score[:, :k])


def _rankers(model: Model, time: int, fusion: Path) -> list[Ranker]:
    shop = open_shop_vectors(model, time)
    encoder = _Encoder(model, shop)
    walks = model.inputs.walks(encoder.encoder.view, encoder.encoder.categories, shop.factors)
    kept = {name: _Kept(part, encoder, name) for name, part in channel_parts(model, encoder, walks).items()}
    alone = {name: part for name, part in kept.items() if name != "full"}
    weights = open_fusion(fusion, model)
    return [
        *kept.values(),
        FusedChannel(encoder, alone, reciprocal_ranks, name="rrf"),
        FusedChannel(encoder, kept, WeightedSum(weights), name="fused"),
    ]


def _result(evaluation: Evaluation, model: Model, fusion: Path) -> dict[str, object]:
    return {
        "machine": describe_machine(torch.get_num_threads()),
        "model_hash": model.manifest.hash,
        "weights": open_fusion(fusion, model).model_dump(mode="json"),
        **evaluation.model_dump(mode="json", exclude={"coverage", "threshold", "manifest"}),
    }


if __name__ == "__main__":
    command()
