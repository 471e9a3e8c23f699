"""Train towers on a graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ArtefactError
from gnn_search.graph.cases import build_cases
from gnn_search.graph.store import Graph, GraphView
from gnn_search.layout import ModelLayout, refuse_existing
from gnn_search.model.features import Features
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.objective import Losses
from gnn_search.model.text_towers import make_text_tower
from gnn_search.model.two_tower import TwoTower
from gnn_search.sampling.batches import Batch, BatchSampler
from gnn_search.training.checkpoint import Checkpoint, TrainingProgress, load_checkpoint, save_checkpoint
from gnn_search.training.determinism import deterministic
from gnn_search.training.divergence import refuse_divergence
from gnn_search.training.mining import Miner
from gnn_search.training.negative_study import study_negatives
from gnn_search.training.optimiser import Optimisers
from gnn_search.training.prefetch import Prefetch
from gnn_search.training.pretrain import pretrain
from gnn_search.training.run_record import RunRecord
from gnn_search.training.validation import validation_recall

RESUME_ADVICE = "resume with the {} that it was started with, or train anew"


@dataclass(frozen=True)
class StepReport:
    """How training stands.

    Attributes:
        step: Steps done.
        total_steps: Steps of the whole run.
        examples: Examples in this step.
        loss: Loss of the step.
        rate: Examples a second since the start, validations not counted.
        waiting: Share of that time spent waiting for batches.
        recall: Validation Recall@10, when one was measured after this step.
        pretraining: Whether the step, and its numbers, belong to the pre-training of the text tower.
    """

    step: int
    total_steps: int
    examples: int
    loss: float
    rate: float
    waiting: float
    recall: float | None = None
    pretraining: bool = False


Listener = Callable[[StepReport], None]
"""Called after each step."""


@dataclass(frozen=True)
class TrainingResult:
    """What training ended with.

    Attributes:
        towers: With the best weights of the validations.
        progress: The end of the run.
        total_steps: Steps that the configuration asked for.
        rate: Examples a second, validations not counted.
        waiting: Share of the training time spent waiting for batches.
        negatives: What each negative sampler did, and under `study` what `study_negatives` says of it by the best weights.
    """

    towers: TwoTower
    progress: TrainingProgress
    total_steps: int
    rate: float
    waiting: float
    negatives: list[dict[str, object]]


def train(
    config: TrainingConfig,
    graph: Graph,
    out: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    listener: Listener = lambda report: None,
) -> TrainingResult:
    """Train towers; checkpoints and `metrics.jsonl` go to `out` as it goes. Arguments and errors are those of `fit_model`."""
    if not resume:
        refuse_existing(out)
    with deterministic():
        return _Run(config, graph, ModelLayout(out), resume, tensorboard, listener).run()


class _Run:
    def __init__(
        self, config: TrainingConfig, graph: Graph, layout: ModelLayout, resume: bool, tensorboard: bool, listener: Listener
    ) -> None:
        self._config, self._graph, self._layout, self._listener = config, graph, layout, listener
        identity = {"graph": graph.manifest.hash, "config": config.model_dump_json()}
        saved = _resumable(layout, identity) if resume else None
        self._record = RunRecord(layout, tensorboard)
        torch.manual_seed(config.seed)
        self._sampler = BatchSampler(graph, config)
        self._towers = TwoTower(config, Features(graph), make_text_tower(config.text, config.dimension, graph, layout))
        self._total_steps = self._sampler.total_steps
        self._optimisers = Optimisers(self._towers, config.optimiser, self._total_steps)
        self._cases = build_cases(graph, "validation", config.loop.validation_cases, config.seed)
        self._best: dict[str, Tensor] = {}
        self._progress = TrainingProgress(identity=identity)
        self._waiting = self._waited = 0.0
        self._miner = Miner.of(self._towers, self._sampler, config.negatives)
        layout.root.mkdir(parents=True, exist_ok=True)
        if saved is not None:
            self._progress, self._best = saved.progress, saved.best
            self._towers.load_state_dict(saved.model)
            self._optimisers.load(saved.optimisers)
            if self._miner is not None:
                self._miner.load(saved.lists)

    def run(self) -> TrainingResult:
        validation = self._graph.before(self._graph.manifest.validation_start)
        if not self._progress.pretrained:
            self._pretrain()
        if self._progress.step == 0:
            self._refresh(self._graph.before(int(self._sampler.examples.time[0])))
            self._save()
        self._record.start(self._progress.step, self._progress.seconds)
        started, before = time.perf_counter(), self._progress.seconds
        # What the CPU has done so far, without what pauses cost.
        paused, cpu_before = 0.0, time.process_time() - self._progress.cpu_seconds
        with closing(self._record), closing(self._batches()) as batches:
            for step, batch in batches:
                losses = self._step(step, batch)
                pause = time.perf_counter()
                cpu_pause = time.process_time()
                seconds = before + pause - started - paused
                self._progress = self._progress.model_copy(
                    update={
                        "step": step + 1,
                        "seconds": seconds,
                        "cpu_seconds": cpu_pause - cpu_before,
                        "examples": self._progress.examples + len(batch.positives.example),
                    }
                )
                self._waiting = self._waited / max(seconds - before, 1e-9)
                recall = self._validate(validation) if self._due(step + 1) else None
                self._report(losses, len(batch.positives.example), recall)
                if recall is not None:
                    self._save()
                paused += time.perf_counter() - pause
                cpu_before += time.process_time() - cpu_pause
                if self._progress.finished:
                    break
        self._towers.load_state_dict(self._best, strict=False)
        # Reported before the study draws more.
        negatives = self._sampler.negatives.describe()
        studies = study_negatives(NodeEncoder(self._towers, self._sampler.inputs, validation), self._sampler)
        return TrainingResult(
            self._towers,
            self._progress,
            self._total_steps,
            self._progress.examples / max(self._progress.seconds, 1e-9),
            self._waiting,
            [{**described, "study": study.model_dump()} for described, study in zip(negatives, studies, strict=True)],
        )

    def _pretrain(self) -> None:
        if self._config.text.pretrain.epochs:
            # A run killed from here on finds a checkpoint to resume from, and does the pre-training again.
            self._save()
            started, pairs = time.perf_counter(), 0

            def report(step: int, steps: int, size: int, loss: float) -> None:
                nonlocal pairs
                pairs += size
                refuse_divergence(loss, f"the loss of step {step:,} of {steps:,} of the pre-training", "text.pretrain")
                rate = pairs / max(time.perf_counter() - started, 1e-9)
                self._listener(StepReport(step, steps, size, loss, rate, 0.0, pretraining=True))

            pretrain(
                self._towers.text,
                self._config.text.pretrain,
                self._config.optimiser,
                self._sampler.examples,
                self._graph.num_nodes,
                report,
                temperature=self._config.loss.temperature,
                seed=self._config.seed,
            )
        self._progress = self._progress.model_copy(update={"pretrained": True})

    def _batches(self) -> Generator[tuple[int, Batch]]:
        """Yield the remaining steps with their batches, which a thread makes ahead.

        Lists of negatives are made by the model that the steps before them left, so no batch is made ahead of new lists.
        """
        if self._progress.finished:
            return
        waited, start = 0.0, self._progress.step
        for end in self._miner.bounds(start, self._total_steps) if self._miner else [self._total_steps]:
            if self._miner is not None:
                self._miner.renew(start)
            with Prefetch(self._made(start, end)) as batches:
                for step, batch in batches:
                    self._waited = waited + batches.waited
                    yield step, batch
                waited += batches.waited
            start = end

    def _made(self, start: int, end: int) -> Iterator[tuple[int, Batch]]:
        for step in range(start, end):
            yield step, self._sampler.make(*divmod(step, self._sampler.steps_per_epoch))

    def _step(self, step: int, batch: Batch) -> Losses:
        # The generator is keyed by the step, so a resumed run drops the same rows.
        generator = torch.Generator().manual_seed((self._config.seed << 32) | step)
        losses: Losses = self._towers(batch, generator)
        refuse_divergence(losses.total, f"the loss of step {step + 1:,} of {self._total_steps:,}")
        if self._sampler.negatives.hardest is not None:
            self._sampler.negatives.hardest.tally.drawing_seconds += losses.choosing_seconds
        losses.total.backward()  # type: ignore[no-untyped-call]
        self._optimisers.step(step)
        if (step + 1) % self._config.loop.refresh_every == 0:
            self._refresh(self._sampler.view_of(*divmod(step, self._sampler.steps_per_epoch)))
        return losses

    def _refresh(self, view: GraphView) -> None:
        self._towers.remember(*NodeEncoder(self._towers, self._sampler.inputs, view).encode_products())

    def _save(self) -> None:
        state = dict(self._towers.state_dict())
        lists = {} if self._miner is None else self._miner.tensors()
        save_checkpoint(self._layout.checkpoint, Checkpoint(self._progress, state, self._optimisers.tensors(), self._best, lists))

    def _due(self, done: int) -> bool:
        return done % self._config.loop.validate_every == 0 or done == self._total_steps

    def _validate(self, view: GraphView) -> float:
        progress = self._progress
        for name, weight in self._towers.named_parameters():
            refuse_divergence(weight, f"{name} after step {progress.step:,} of {self._total_steps:,}")
        recall = validation_recall(NodeEncoder(self._towers, self._sampler.inputs, view), self._cases, self._sampler.held_out)
        stale = progress.stale + 1
        if recall > progress.best_recall:
            self._best = {name: value.detach().clone() for name, value in self._towers.named_parameters()}
            stale, progress = 0, progress.model_copy(update={"best_recall": recall, "best_step": progress.step})
        finished = stale >= self._config.loop.patience or progress.step >= self._total_steps
        self._progress = progress.model_copy(update={"stale": stale, "finished": finished})
        return recall

    def _report(self, losses: Losses, examples: int, recall: float | None) -> None:
        progress = self._progress
        rate = progress.examples / max(progress.seconds, 1e-9)
        report = StepReport(progress.step, self._total_steps, examples, losses.total.item(), rate, self._waiting, recall)
        row: dict[str, float] = {
            "step": progress.step,
            "examples": progress.examples,
            "seconds": round(progress.seconds, 3),
            "cpu_seconds": round(progress.cpu_seconds, 3),
            "loss": losses.total.item(),
            **{f"{name}_loss": value.item() for name, value in losses.parts.items()},
            **{f"{name}_weight": value for name, value in losses.weights.items()},
            **self._towers.score_scale(),
        }
        if recall is not None:
            row["validation_recall@10"] = recall
        for name, value in row.items():
            refuse_divergence(value, f"{name} of step {progress.step:,} of {self._total_steps:,}")
        self._record.add(row)
        self._listener(report)


def _resumable(layout: ModelLayout, identity: dict[str, str]) -> Checkpoint:
    saved = load_checkpoint(layout.checkpoint)
    if saved is None:
        raise ArtefactError(
            f"there is no checkpoint in {layout.root} to resume from; remove what is there, if anything, and train without --resume"
        )
    for key, value in identity.items():
        if saved.progress.identity.get(key) != value:
            raise ArtefactError(f"the checkpoint in {layout.root} is of another {key}; {RESUME_ADVICE.format(key)}")
    return saved
