"""Evaluate a trained model beside baselines and rivals."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from gnn_search.config.slices import SlicesFile
from gnn_search.errors import RequestError
from gnn_search.evaluation.at_threshold import score_at_threshold
from gnn_search.evaluation.baselines.build import build_baselines, names_of
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.evaluation.judgements import QueryJudgements, evaluate_judgements, read_judgements
from gnn_search.evaluation.qrels import Qrels, build_qrels
from gnn_search.evaluation.result import Evaluation, Manifest, ThresholdScore
from gnn_search.evaluation.robustness.measure import NewWords
from gnn_search.evaluation.run_folder import RunWriter, hash_cases
from gnn_search.evaluation.slices import Slice, report_slices
from gnn_search.graph.cases import Cases, build_cases
from gnn_search.layout import FORMAT_VERSION, refuse_existing, staged
from gnn_search.machine import describe_machine
from gnn_search.progress import Progress
from gnn_search.retrieval.fusion.store import open_fusion
from gnn_search.retrieval.rankers.build import MODEL_NAME, ModelCaseRanker, model_case_rankers, vector_case_ranker
from gnn_search.retrieval.rankers.vector import VectorRanker
from gnn_search.retrieval.ranking import CaseRanker
from gnn_search.retrieval.threshold import resolve_min_score
from gnn_search.trained.model import Model, open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

_PLACES = 100
"""Length of the lists, where the catalogue is not smaller."""


@contextmanager
def _silent(unit: str) -> Iterator[Progress]:
    yield lambda name, done, total: None


def evaluate_model(
    model: Model | str | Path,
    cases: int | None = None,
    split: Literal["validation", "test"] = "test",
    n_resamples: int = 1000,
    seed: int = 0,
    *,
    graph: str | Path | None = None,
    baselines: str = "quick",
    rivals: Sequence[str | Path] = (),
    settings: str | Path | None = None,
    slices: str | Path | None = None,
    fusion: str | Path | None = None,
    min_score: str | float | None = None,
    perturbed: int = 500,
    typed: str | Path | None = None,
    out: str | Path | None = None,
    replace: bool = False,
    command: str = "gnn_search.evaluate(...), in Python",
    check: Callable[[Model], object] = lambda model: None,
    say: Callable[[str], object] = lambda sentence: None,
    progress: Callable[[str], AbstractContextManager[Progress]] = _silent,
) -> Evaluation:
    """Measure a model, baselines and rivals on the same cases of a period, over the whole catalogue.

    Args:
        model: The model, or its folder.
        cases: Evaluate a seeded sample of so many cases; None takes all.
        split: The period, `test` or `validation`.
        n_resamples: Bootstrap resamples over users.
        seed: Seed of the sample, resamples and tests.
        graph: The graph's folder, where it was moved.
        baselines: Comma-separated baselines or groups, see `names_of`.
        rivals: Folders of other models of the same graph.
        settings: Folder whose YAML files, named after baselines, replace the shipped settings.
        slices: YAML file of further slices.
        fusion: Folder of fitted weights, which adds the channel `fused`.
        min_score: Also score the lists by vector down to this cosine, or to the model's threshold for this action.
        perturbed: Most queries of the cases a kind of small change, such as a letter left out, that are ranked changed; 0 for none.
        typed: JSON lines of labelled queries, see `TypedQuery`.
        out: Run folder to be made, with every case and list.
        replace: Whether `out` may be there already.
        command: What the run folder says made it.
        check: Called with the model before the work begins; what it raises ends it.
        say: Called with sentences on what makes the numbers other than expected.
        progress: Called with the unit of what follows; enters a context that receives its progress.

    Raises:
        GnnSearchError: A folder or file can't be used, a name is unknown, or there is no case.
    """
    target = None if out is None else Path(out)
    if target is not None:
        refuse_existing(target, replace=replace)
    wanted, folder = names_of(baselines), _settings_folder(settings)
    further = {} if slices is None else SlicesFile.load(Path(slices))
    opened = model if isinstance(model, Model) else open_model(model, graph)
    least = resolve_min_score(None if min_score is None else str(min_score), opened.towers.thresholds)
    opened.graph.verify()
    words = NewWords.prepare(perturbed, typed, opened.graph, say)
    check(opened)
    against = [open_model(rival, opened.graph.path) for rival in rivals]
    tested = build_cases(opened.graph, split, cases, seed)
    parts = report_slices(tested, opened.graph, further)
    _note(opened, split, further, {part.name for part in parts}, say)
    rankers = _model_rankers(opened, against, tested.time, fusion)
    with progress("steps") as show:
        rankers += build_baselines(opened.graph, tested.time, wanted, settings=folder, progress=show)
    qrels = build_qrels(opened.graph, tested, split, cases, seed)
    judgements = read_judgements(opened.graph, split, tested.time, cases, seed)
    manifest = _manifest(opened, against, hash_cases(tested), split, cases, command)
    measured = _Measured(opened, tested, rankers, parts, qrels, judgements, manifest)
    with ExitStack() as stack:
        partial = None if target is None else stack.enter_context(staged(target, replace=replace))
        writer = None if partial is None else RunWriter(partial, opened.graph)
        return _record(measured, words, n_resamples, seed, least, writer, progress)


def _record(
    measured: _Measured,
    words: NewWords,
    n_resamples: int,
    seed: int,
    min_score: float | None,
    writer: RunWriter | None,
    progress: Callable[[str], AbstractContextManager[Progress]],
) -> Evaluation:
    """Measure the cases, then new words, and write what a run folder holds."""
    with progress("cases") as show:
        evaluation = measured.score(n_resamples, seed, min_score, writer, show)
    with progress("texts") as show:
        evaluation, tables = words.measure(evaluation, measured.cases, measured.model.graph, measured.rankers, show)
    if writer is not None:
        writer.finish(evaluation, tables)
    return evaluation


def _settings_folder(settings: str | Path | None) -> Path | None:
    folder = None if settings is None else Path(settings)
    if folder is not None and not folder.is_dir():
        raise RequestError(f"there is no folder {folder}; give --settings a folder with settings of baselines")
    return folder


@dataclass(frozen=True, eq=False)
class _Measured:
    """What is measured."""

    model: Model
    cases: Cases
    rankers: Sequence[CaseRanker]
    slices: Sequence[Slice]
    qrels: Qrels
    judgements: QueryJudgements | None
    manifest: Manifest

    def score(self, n_resamples: int, seed: int, min_score: float | None, recorder: RunWriter | None, progress: Progress) -> Evaluation:
        """Rank every case and judged query by every ranker, and record the lists.

        With a least similarity also score the lists of the model's vectors down to it.
        """
        places = min(_PLACES, self.model.graph.num_nodes["product"])
        evaluation = evaluate(
            self.cases,
            self.rankers,
            self.model.graph,
            k=(min(10, places), places) if places > 10 else (places,),
            n_resamples=n_resamples,
            seed=seed,
            reference=MODEL_NAME,
            qrels=self.qrels,
            recorder=recorder,
            slices=self.slices,
            progress=progress,
        )
        evaluation = evaluation.model_copy(update={"manifest": self.manifest, **self._on_judgements(evaluation, recorder, progress)})
        if min_score is not None:
            evaluation = evaluation.model_copy(update={"threshold": self._at_threshold(min_score, places, evaluation)})
        return evaluation

    def _at_threshold(self, min_score: float, places: int, evaluation: Evaluation) -> ThresholdScore:
        vectors = next(one for one in self.rankers if isinstance(one, ModelCaseRanker) and isinstance(one.ranker, VectorRanker))
        resamples, seed = evaluation.n_resamples, evaluation.seed
        return score_at_threshold(self.cases, vectors, min_score, places, evaluation.candidates, resamples, seed)

    def _on_judgements(self, evaluation: Evaluation, recorder: RunWriter | None, progress: Progress) -> dict[str, Evaluation]:
        """Return what the same rankers do on the judged queries, where there are some."""
        if self.judgements is None:
            return {}
        return evaluate_judgements(
            self.judgements,
            self.rankers,
            self.model.graph,
            evaluation.k,
            evaluation.n_resamples,
            evaluation.seed,
            reference=evaluation.reference,
            manifest=self.manifest,
            recorder=recorder,
            progress=progress,
        )


def _note(model: Model, split: str, further: Mapping[str, str], shown: Container[str], say: Callable[[str], object]) -> None:
    """Say which declared slices are empty, and where the reranker looks too good."""
    for name in dict.fromkeys([*model.graph.manifest.recipe.get("slices", {}), *further]):
        if name not in shown:
            say(f"the slice '{name}' holds no case and is left out")
    if model.reranker is not None and split == "validation":
        say("the reranker was fitted on cases of this period, so what uses it looks better than it is")


def _model_rankers(model: Model, rivals: Sequence[Model], time: int, fusion: str | Path | None) -> list[CaseRanker]:
    """Return the model's channels, then the rivals by their vectors."""
    weights = None if fusion is None else open_fusion(Path(fusion), model)
    others = [vector_case_ranker(rival, open_node_embeddings(rival, time), rival.config.name) for rival in rivals]
    return [*model_case_rankers(model, open_node_embeddings(model, time), weights), *others]


def _manifest(model: Model, rivals: Sequence[Model], cases_hash: str, split: str, limit: int | None, command: str) -> Manifest:
    """Record where the run comes from."""
    return Manifest(
        format_version=FORMAT_VERSION,
        command=command,
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
