"""Gather all that a page shows from run folders, and from the model and graph of the last of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnn_search.audit.check import AuditReport
from gnn_search.audit.run import audit
from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.evaluation.baselines.build import QUICK, build_baselines
from gnn_search.evaluation.compare import compare
from gnn_search.evaluation.result import Comparison, Difference, Evaluation, Manifest
from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.graph.cases import build_cases
from gnn_search.graph.store import Graph
from gnn_search.report.curves import RecallCurve, Training, read_training, recall_curves
from gnn_search.report.data_card import DataCard, describe_data
from gnn_search.report.judgement_part import JudgementPart, describe_judgements
from gnn_search.report.measure_table import MeasureTable, further_measures, main_measures, measure_table
from gnn_search.report.methods import describe_method, subject
from gnn_search.report.negatives_part import NegativesPart, describe_negatives
from gnn_search.report.new_words import NewWordsPart, find_new_words
from gnn_search.report.product_map import ProductMap, map_products
from gnn_search.report.reproduction import Reproduction, describe_reproduction
from gnn_search.report.search_speed import SearchSpeed, measure_speed, read_indices
from gnn_search.report.slice_findings import SliceFinding, find_slices, headline_difference, strongest_other
from gnn_search.report.verdict import Verdict, reach_verdict
from gnn_search.report.worked_searches import WorkedSearch, work_searches
from gnn_search.retrieval.rankers.build import best_case_ranker
from gnn_search.retrieval.ranking import CaseRanker
from gnn_search.trained.model import Model, open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


class MethodCard(StrictModel):
    """A method in words, and the share of the catalogue that its lists show."""

    method: str
    words: str
    coverage: float | None


class Report(StrictModel):
    """All figures of a page.

    Attributes:
        model: Name of the model's configuration.
        k: First cut-off: places of a list that count most.
        differences: The model minus each other method by recall at `k`, over all cases.
        judgements: None where the graph has none.
        comparison: Of all runs, where there is more than one.
        training: None where the model folder keeps no record of it.
        negatives: None where the model folder keeps no study of them.
    """

    run: str
    model: str
    k: int
    n_resamples: int
    verdict: Verdict
    data: DataCard
    audit: AuditReport
    methods: tuple[MethodCard, ...]
    table: MeasureTable
    further: tuple[MeasureTable, ...]
    differences: tuple[Difference, ...]
    judgements: JudgementPart | None
    comparison: Comparison | None
    slices: tuple[SliceFinding, ...]
    new_words: NewWordsPart
    curves: tuple[RecallCurve, ...]
    training: Training | None
    negatives: NegativesPart | None
    speed: SearchSpeed
    map: ProductMap
    searches: tuple[WorkedSearch, ...]
    reproduction: Reproduction


def make_report(
    runs: Sequence[RunFolder],
    out: Path,
    model: Path | None = None,
    graph: Path | None = None,
    indices: Sequence[Path] = (),
    n_resamples: int = 1000,
) -> Report:
    """Gather a report on the last of some runs, compared with the earlier ones.

    Args:
        runs: Run folders of the same cases.
        out: Path of the page, for the command that reproduces it.
        model: The model's folder, where it was moved.
        graph: The graph's folder, where it was moved.
        indices: Folders of indices of the model's products.
        n_resamples: Bootstrap resamples of the comparison of runs.

    Raises:
        ArtefactError: The run names no model, the model is another one or gone, or something is damaged.
        RequestError: The runs are not of the same cases.
    """
    run = runs[-1]
    evaluation, manifest = run.evaluation, run.evaluation.manifest
    subject(evaluation)
    if manifest is None:
        raise ArtefactError(f"the run {run.path} does not record its model; make it with 'gnn-search evaluate --out'")
    # Quick refusals come before the long work.
    compared = compare(runs, n_resamples=n_resamples) if len(runs) > 1 else None
    opened = _open_model(run, manifest, model, graph)
    saved = read_indices(indices, opened)
    embeddings = open_node_embeddings(opened, evaluation.time)
    best = best_case_ranker(opened, embeddings)
    cases = build_cases(opened.graph, "validation" if manifest.split == "validation" else "test", manifest.limit, evaluation.seed)
    found = audit(opened.graph, opened.path)
    covered = {one.method: one.share for one in evaluation.coverage}
    slices, data = find_slices(evaluation), describe_data(opened.graph, evaluation)
    speed = measure_speed(evaluation, best, cases, embeddings.vectors["product"], embeddings.vectors["query"], saved)
    return Report(
        run=str(run.path),
        model=manifest.model_name,
        k=min(evaluation.k),
        n_resamples=evaluation.n_resamples,
        verdict=reach_verdict(evaluation, slices, data, found, speed, compared),
        data=data,
        audit=found,
        methods=tuple(
            MethodCard(method=name, words=describe_method(evaluation, name), coverage=covered.get(name)) for name in evaluation.methods
        ),
        table=measure_table(evaluation, main_measures(evaluation)),
        further=tuple(measure_table(evaluation, wanted) for wanted in further_measures(evaluation)),
        differences=tuple(
            headline_difference(evaluation, name, evaluation.slices[0]) for name in evaluation.methods if name != evaluation.reference
        ),
        judgements=describe_judgements(evaluation),
        comparison=compared,
        slices=slices,
        new_words=find_new_words(evaluation),
        curves=recall_curves(run),
        training=read_training(opened.layout.metrics, opened.manifest.training),
        negatives=describe_negatives(opened),
        speed=speed,
        map=map_products(opened.graph.before(evaluation.time), embeddings.vectors["product"]),
        searches=work_searches(opened, best, cases, _strongest(evaluation, opened.graph)),
        reproduction=describe_reproduction(opened, evaluation, manifest, [one.path for one in runs], out),
    )


def _open_model(run: RunFolder, manifest: Manifest, model: Path | None, graph: Path | None) -> Model:
    path = Path(manifest.model) if model is None else model
    if model is None and not path.is_dir():
        raise ArtefactError(f"the model of the run {run.path} is no longer in {path}; say where it is with --model")
    if graph is None and Path(manifest.graph).is_dir():
        graph = Path(manifest.graph)
    opened = open_model(path, graph)
    opened.graph.verify()
    if opened.manifest.hash != manifest.model_hash:
        raise ArtefactError(
            f"the run {run.path} is of another model than {path} (hash {manifest.model_hash}, got {opened.manifest.hash}); "
            "give its own with --model, or evaluate again"
        )
    return opened


def _strongest(evaluation: Evaluation, graph: Graph) -> CaseRanker | None:
    """Return the strongest other method where it is quick to build and not BM25, which is shown anyway."""
    name = strongest_other(evaluation, evaluation.slices[0])
    if name not in QUICK or name == Bm25.name:
        return None
    return build_baselines(graph, evaluation.time, (name,))[0]
