"""`gnn-search evaluate`: the model beside the baselines, over the full catalogue."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Container, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich.console import Console

from gnn_search.cli.audit import audit_first
from gnn_search.cli.options import (
    COUNT,
    PATH,
    audit_option,
    fusion_option,
    graph_option,
    min_score_option,
    path_argument,
    resamples_option,
    seed_option,
)
from gnn_search.cli.output import StageBars, error_console, progress, reporting
from gnn_search.errors import RequestError

if TYPE_CHECKING:
    from gnn_search.evaluation.qrels import Qrels
    from gnn_search.evaluation.result import Evaluation, Manifest, ThresholdScore
    from gnn_search.evaluation.run_folder import RunWriter
    from gnn_search.evaluation.slices import Slice
    from gnn_search.graph.cases import Cases
    from gnn_search.retrieval.fusion.rules import Weights
    from gnn_search.retrieval.ranking import CaseRanker
    from gnn_search.trained.model import Model

_PLACES = 100
"""Length of the lists, where the catalogue is not smaller."""


@path_argument("model")
@click.option("--cases", type=COUNT, metavar="N", help="Evaluate a seeded sample of N cases.  [default: all]")
@click.option("--split", type=click.Choice(["test", "validation"]), default="test", show_default=True, help="Period to evaluate.")
@click.option(
    "--baselines",
    default="quick",
    show_default=True,
    metavar="NAMES",
    help="Comma-separated baselines, or a group: quick (lists), all (with lightgcn and minilm, which take minutes), none.",
)
@click.option("--rival", "rivals", type=PATH, multiple=True, metavar="MODEL", help="Another model of the same graph; may be repeated.")
@click.option("--settings", type=PATH, metavar="DIR", help="Folder with NAME.yaml files that replace the baselines' shipped settings.")
@click.option("--slices", type=PATH, metavar="FILE", help="YAML file of further slices to report, declared as in a recipe.")
@resamples_option
@seed_option("Seed of the sample, resamples and tests.")
@graph_option
@click.option("--out", type=PATH, metavar="RUN", help="Also write a run folder: the result as JSON, and all cases and lists as Parquet.")
@fusion_option
@min_score_option
@audit_option
def run_evaluation(
    model: Path,
    cases: int | None = None,
    split: Literal["validation", "test"] = "test",
    n_resamples: int = 1000,
    seed: int = 0,
    graph: Path | None = None,
    *,
    baselines: str = "quick",
    rivals: Sequence[Path] = (),
    settings: Path | None = None,
    slices: Path | None = None,
    fusion: Path | None = None,
    min_score: str | None = None,
    audit: bool = True,
    out: Path | None = None,
    replace: bool = False,
) -> Evaluation:
    """Measure a model and the baselines on the test period.

    Every list is ranked from the whole catalogue, and no method sees events from the start of the period on. Intervals are 95 % bootstrap
    intervals over users, and differences are paired. Rivals are other trained models, such as those of the shipped configurations
    baselines/two_tower_text and baselines/two_tower_user; each goes by its configuration's name. With --min-score a further table shows
    precision and recall of the model's lists by vector, of at most 100 products with at least that similarity. --out keeps every case with
    its lists, for compare.

    \b
    Example:
      gnn-search evaluate demo/model --cases 20000 --out demo/evaluation
      gnn-search evaluate demo/model --baselines recent_history,lightgcn --rival demo/two_tower_user
    """
    from gnn_search.config.slices import SlicesFile
    from gnn_search.evaluation.baselines.build import names_of
    from gnn_search.evaluation.qrels import build_qrels
    from gnn_search.evaluation.run_folder import RunWriter, hash_cases
    from gnn_search.evaluation.slices import report_slices
    from gnn_search.graph.cases import build_cases
    from gnn_search.layout import refuse_existing, staged
    from gnn_search.retrieval.fusion.store import open_fusion
    from gnn_search.retrieval.threshold import resolve_min_score
    from gnn_search.trained.model import open_model

    if out is not None:
        refuse_existing(out, replace=replace)
    wanted = names_of(baselines)
    if settings is not None and not settings.is_dir():
        raise RequestError(f"there is no folder {settings}; give --settings a folder with settings of baselines")
    further = {} if slices is None else SlicesFile.load(slices)
    opened = open_model(model, graph)
    least = resolve_min_score(min_score, opened.towers.thresholds)
    weights = None if fusion is None else open_fusion(fusion, opened)
    opened.graph.verify()
    if audit:
        audit_first(opened.graph, model)
    against = [open_model(rival, opened.graph.path) for rival in rivals]
    tested = build_cases(opened.graph, split, cases, seed)
    parts = report_slices(tested, opened.graph, further)
    _note(opened, split, further, {part.name for part in parts})
    rankers = [*_models(opened, against, tested.time, weights), *_baselines(opened, tested.time, wanted, settings)]
    with ExitStack() as stack:
        folder = None if out is None else stack.enter_context(staged(out, replace=replace))
        writer = None if folder is None else RunWriter(folder, opened.graph)
        qrels = build_qrels(opened.graph, tested, split, cases, seed)
        evaluation = _evaluate(opened, tested, rankers, parts, qrels, writer, n_resamples, seed)
        threshold = None if least is None else _at_threshold(tested, rankers, least, evaluation.candidates, n_resamples, seed)
        manifest = _manifest(opened, against, hash_cases(tested), split, cases)
        evaluation = evaluation.model_copy(update={"threshold": threshold, "manifest": manifest})
        if writer is not None:
            writer.finish(evaluation)
    return evaluation


def _evaluate(
    model: Model,
    cases: Cases,
    rankers: Sequence[CaseRanker],
    slices: Sequence[Slice],
    qrels: Qrels,
    recorder: RunWriter | None,
    n_resamples: int,
    seed: int,
) -> Evaluation:
    """Rank every case by every ranker, and show progress."""
    from gnn_search.evaluation.evaluate import evaluate
    from gnn_search.retrieval.rankers.build import MODEL_NAME

    places = min(_PLACES, model.graph.num_nodes["product"])
    with progress("cases") as bars:
        tasks = {ranker.name: bars.add_task(ranker.name, total=len(cases)) for ranker in rankers}
        return evaluate(
            cases,
            rankers,
            model.graph,
            k=(min(10, places), places) if places > 10 else (places,),
            n_resamples=n_resamples,
            seed=seed,
            reference=MODEL_NAME,
            qrels=qrels,
            recorder=recorder,
            slices=slices,
            progress=lambda name, done, total: bars.update(tasks[name], completed=done),
        )


def _at_threshold(
    cases: Cases, rankers: Sequence[CaseRanker], min_score: float, num_products: int, n_resamples: int, seed: int
) -> ThresholdScore:
    """Score the lists of the model's vectors down to a least similarity."""
    from gnn_search.evaluation.at_threshold import score_at_threshold
    from gnn_search.retrieval.rankers.build import ModelCaseRanker
    from gnn_search.retrieval.rankers.vector import VectorRanker

    vectors = next(one for one in rankers if isinstance(one, ModelCaseRanker) and isinstance(one.ranker, VectorRanker))
    return score_at_threshold(cases, vectors, min_score, min(_PLACES, num_products), num_products, n_resamples, seed)


def _note(model: Model, split: str, further: Mapping[str, str], shown: Container[str]) -> None:
    """Print which declared slices are empty, and where the reranker looks too good."""
    declared = model.graph.manifest.recipe.get("slices", {})
    for name in dict.fromkeys([*declared, *further]):
        if name not in shown:
            error_console().print(f"Note: the slice '{name}' holds no case and is left out", soft_wrap=True)
    if model.reranker is not None and split == "validation":
        error_console().print("Note: the reranker was fitted on cases of this period, so what uses it looks better than it is")


def _models(model: Model, rivals: Sequence[Model], time: int, weights: Weights | None) -> list[CaseRanker]:
    """Return the model's channels, then the rivals by their vectors."""
    from gnn_search.retrieval.rankers.build import model_case_rankers, vector_case_ranker
    from gnn_search.trained.node_embeddings import open_node_embeddings

    others = [vector_case_ranker(rival, open_node_embeddings(rival, time), rival.config.name) for rival in rivals]
    return [*model_case_rankers(model, open_node_embeddings(model, time), weights), *others]


def _manifest(model: Model, rivals: Sequence[Model], cases_hash: str, split: str, limit: int | None) -> Manifest:
    """Record where the run comes from."""
    import torch

    from gnn_search.evaluation.result import Manifest
    from gnn_search.layout import FORMAT_VERSION
    from gnn_search.machine import describe_machine

    return Manifest(
        format_version=FORMAT_VERSION,
        command=shlex.join(["gnn-search", *sys.argv[1:]]),
        split=split,
        limit=limit,
        cases_hash=cases_hash,
        graph=str(model.graph.path.resolve()),
        model=str(model.path.resolve()),
        model_name=model.config.name,
        model_hash=model.manifest.hash,
        rivals={rival.config.name: rival.manifest.hash for rival in rivals},
        machine=describe_machine(torch.get_num_threads()),
    )


def _baselines(model: Model, time: int, names: Sequence[str], settings: Path | None) -> list[CaseRanker]:
    """Build the baselines, and show the progress of those that are trained."""
    from gnn_search.evaluation.baselines.build import build_baselines

    with progress("steps") as bars:
        return build_baselines(model.graph, time, names, settings=settings, progress=StageBars(bars))


def _render(console: Console, evaluation: Evaluation) -> None:
    from gnn_search.evaluation.table import render_evaluation

    console.print(render_evaluation(evaluation))


command = reporting(run_evaluation, _render)
