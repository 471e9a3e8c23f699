"""`gnn-search evaluate`: the model beside the baselines, over the full catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import TaskID

from gnn_search.cli.audit import audit_first
from gnn_search.cli.options import PATH, audit_option, json_option, min_score_option, path_argument, threads_option
from gnn_search.cli.output import emit, error_console, progress
from gnn_search.errors import RequestError

if TYPE_CHECKING:
    from gnn_search.evaluation.result import Evaluation
    from gnn_search.model.store import Model
    from gnn_search.retrieval.ranking import Ranker


@click.command()
@path_argument("model")
@click.option("--cases", type=click.IntRange(min=1), metavar="N", help="Score a seeded sample of N cases.  [default: all]")
@click.option("--split", type=click.Choice(["test", "validation"]), default="test", show_default=True, help="Period to score.")
@click.option(
    "--baselines",
    default="quick",
    show_default=True,
    metavar="NAMES",
    help="Baselines between commas, or a group: quick (lists), all (with lightgcn and minilm, which take minutes), none.",
)
@click.option("--rival", "rivals", type=PATH, multiple=True, metavar="MODEL", help="Another model of the same graph; may be repeated.")
@click.option("--settings", type=PATH, metavar="DIR", help="Folder whose NAME.yaml stand in for the baselines' shipped settings.")
@click.option("--slices", type=PATH, metavar="FILE", help="YAML file of further slices to report, as a recipe may declare them.")
@click.option("--draws", type=click.IntRange(min=1), default=1000, show_default=True, help="Bootstrap draws over shoppers.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the sample and of the draws.")
@click.option("--graph", type=PATH, help="The model's graph, where it was moved.")
@click.option("--out", type=PATH, help="Also write the result as JSON to this file.")
@min_score_option
@audit_option
@threads_option
@json_option
def command(
    model: Path,
    cases: int | None,
    split: str,
    baselines: str,
    rivals: tuple[Path, ...],
    settings: Path | None,
    slices: Path | None,
    draws: int,
    seed: int,
    graph: Path | None,
    out: Path | None,
    min_score: str | None,
    audit: bool,
    as_json: bool,
) -> None:
    """Measure a model and the baselines on the test period.

    Every list is drawn from the whole catalogue. Nobody sees what happened from the start of the period on. Intervals are 95 % bootstrap
    intervals over shoppers, and the differences are paired. Rivals are models that train made, such as those of the shipped configurations
    baselines/two_tower_text and baselines/two_tower_user; each goes by its configuration's name. With --min-score a further table shows
    precision and recall of those of the model's lists by vector, of at most 100 products, that are so similar.

    \b
    Example:
      gnn-search evaluate demo/model --cases 20000
      gnn-search evaluate demo/model --baselines recent_history,lightgcn --rival demo/two_tower_user
    """
    from gnn_search.evaluation.table import render
    from gnn_search.layout import refuse_existing, write_json

    if out is not None:
        refuse_existing(out)
    evaluation = run_evaluation(
        model,
        cases,
        split,
        draws,
        seed,
        graph,
        baselines=baselines,
        rivals=rivals,
        settings=settings,
        slices=slices,
        min_score=min_score,
        audit=audit,
    )
    if out is not None:
        write_json(out, evaluation.model_dump(mode="json"))
    emit(evaluation, as_json, lambda console: console.print(render(evaluation)))


def run_evaluation(
    model: Path,
    cases: int | None,
    split: str,
    draws: int,
    seed: int,
    graph: Path | None = None,
    *,
    baselines: str = "quick",
    rivals: Sequence[Path] = (),
    settings: Path | None = None,
    slices: Path | None = None,
    min_score: str | None = None,
    audit: bool = True,
) -> Evaluation:
    """Audit a model folder and evaluate it, with and without the shopper, beside rival models and baselines."""
    from gnn_search.config.slices import SlicesFile
    from gnn_search.evaluation.at_threshold import score_at_threshold
    from gnn_search.evaluation.baselines.build import names_of
    from gnn_search.evaluation.evaluate import evaluate
    from gnn_search.evaluation.slices import report_slices
    from gnn_search.graph.cases import build_cases
    from gnn_search.model.store import open_model
    from gnn_search.retrieval.channels import model_rankers
    from gnn_search.retrieval.threshold import resolve_min_score
    from gnn_search.retrieval.vector_channel import VectorChannel
    from gnn_search.vectors.shop_vectors import open_shop_vectors

    wanted = names_of(baselines)
    if settings is not None and not settings.is_dir():
        raise RequestError(f"there is no folder {settings}; give one to --settings that holds settings of baselines")
    further = {} if slices is None else SlicesFile.load(slices)
    opened = open_model(model, graph)
    least = resolve_min_score(min_score, opened.retriever.thresholds)
    opened.graph.verify()
    if audit:
        audit_first(opened.graph, model)
    against = [open_model(rival, opened.graph.path) for rival in rivals]
    asked = build_cases(opened.graph, "validation" if split == "validation" else "test", cases, seed)
    parts = report_slices(asked, opened.graph, further)
    for name in {**opened.graph.manifest.recipe.get("slices", {}), **further}.keys() - {part.name for part in parts}:
        error_console().print(f"Note: the slice '{name}' holds no case and is left out", soft_wrap=True)
    shop = open_shop_vectors(opened, asked.time)
    rankers = [
        *model_rankers(opened, shop),
        *[VectorChannel(rival, open_shop_vectors(rival, asked.time), name=rival.config.name) for rival in against],
        *_baselines(opened, asked.time, wanted, settings),
    ]
    if opened.walk is not None and split == "validation":
        error_console().print("Note: the walk term was fitted on cases of this period, so what uses it looks better than it is")
    with progress("cases") as bars:
        tasks = {ranker.name: bars.add_task(ranker.name, total=len(asked)) for ranker in rankers}
        places = min(100, opened.graph.num_nodes["product"])
        evaluation = evaluate(
            asked,
            rankers,
            opened.graph,
            k=(min(10, places), places) if places > 10 else (places,),
            draws=draws,
            seed=seed,
            reference="gnn-search",
            slices=parts,
            progress=lambda name, done, total: bars.update(tasks[name], completed=done),
        )
    if least is None:
        return evaluation
    vectors = next(ranker for ranker in rankers if isinstance(ranker, VectorChannel))
    score = score_at_threshold(asked, vectors, least, places, opened.graph.num_nodes["product"], draws, seed)
    return evaluation.model_copy(update={"threshold": score})


def _baselines(model: Model, time: int, names: Sequence[str], settings: Path | None) -> list[Ranker]:
    """Build the baselines; a bar shows how the training of each goes on."""
    from gnn_search.evaluation.baselines.build import build_baselines

    with progress("steps") as bars:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(f"training {name}", total=total)
            bars.update(tasks[name], completed=done)

        return build_baselines(model.graph, time, names, settings=settings, progress=show)
