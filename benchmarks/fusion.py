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

from gnn_search.arrays import Int32
from gnn_search.cli.options import PATH, graph_option, threads_option
from gnn_search.cli.output import console, progress
from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.evaluation.result import Evaluation
from gnn_search.evaluation.slices import report_slices
from gnn_search.evaluation.table import render_evaluation
from gnn_search.graph.cases import build_cases
from gnn_search.index.flat import FlatIndex
from gnn_search.layout import write_json
from gnn_search.machine import describe_machine
from gnn_search.retrieval.fusion.store import open_fusion
from gnn_search.retrieval.rankers.build import candidate_index, channel_rankers, fuse
from gnn_search.retrieval.rankers.fused import DEPTH
from gnn_search.retrieval.ranking import CaseRanker, Ranker, Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests, RequestEncoder
from gnn_search.trained.model import Model, open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

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
    """Write the recalls of all channels, and the leads of one, with intervals over users, as JSON."""
    opened = open_model(model, graph)
    tested = build_cases(opened.graph, "test", cases)
    rankers = [*_methods(opened, tested.time, fusion), *build_baselines(opened.graph, tested.time, _BASELINES)]
    with progress("cases") as bars:
        tasks = {ranker.name: bars.add_task(ranker.name, total=len(tested)) for ranker in rankers}
        evaluation = evaluate(
            tested,
            rankers,
            opened.graph,
            reference=reference,
            slices=[part for part in report_slices(tested, opened.graph, {}) if part.name in _SLICES],
            progress=lambda name, done, total: bars.update(tasks[name], completed=done),
        )
    write_json(out, _result(evaluation, opened, fusion))
    console().print(render_evaluation(evaluation))


class _Kept:
    """A ranker that ranks each block of requests once."""

    def __init__(self, ranker: Ranker) -> None:
        self.index, self._ranker = ranker.index, ranker
        self._lists: dict[int, Ranking] = {}

    def rank(self, requests: EncodedRequests, k: int, allowed: Int32 | None = None) -> Ranking:
        assert allowed is None
        if id(requests) not in self._lists:
            self._lists[id(requests)] = self._ranker.rank(requests, min(DEPTH, self.index.count))
        found = self._lists[id(requests)]
        return Ranking(found.product[:, :k], found.score[:, :k])


class _Method:
    """One channel as a method of evaluation; all methods encode each block of cases once."""

    def __init__(self, name: str, encoder: RequestEncoder, ranker: Ranker, encoded: dict[tuple[bytes, bytes], EncodedRequests]) -> None:
        self.name, self._encoder, self._ranker, self._encoded = name, encoder, ranker, encoded

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        key = user.tobytes(), query.tobytes()
        if key not in self._encoded:
            self._encoded[key] = self._encoder.encode_nodes(user, query)
        return self._ranker.rank(self._encoded[key], k)


def _methods(model: Model, time: int, fusion: Path) -> list[CaseRanker]:
    embeddings = open_node_embeddings(model, time)
    encoder, index = RequestEncoder(model, embeddings), FlatIndex.build(embeddings.vectors["product"])
    kept: dict[str, Ranker] = {
        name: _Kept(ranker) for name, ranker in channel_rankers(model, index, candidate_index(model, embeddings, encoder)).items()
    }
    fused = {"rrf": fuse(index, kept, None), "fused": fuse(index, kept, open_fusion(fusion, model))}
    encoded: dict[tuple[bytes, bytes], EncodedRequests] = {}
    return [_Method(name, encoder, ranker, encoded) for name, ranker in {**kept, **fused}.items()]


def _result(evaluation: Evaluation, model: Model, fusion: Path) -> dict[str, object]:
    return {
        "machine": describe_machine(torch.get_num_threads()),
        "model_hash": model.manifest.hash,
        "weights": open_fusion(fusion, model).model_dump(mode="json"),
        **evaluation.model_dump(mode="json", exclude={"coverage", "threshold", "manifest"}),
    }


if __name__ == "__main__":
    command()
