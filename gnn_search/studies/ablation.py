"""Ablations: take one part at a time out of a configuration, and measure what it contributes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnn_search.config.studies import AblationSettings
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph
from gnn_search.studies.overrides import overridden, settings_of
from gnn_search.studies.result import Skipped, StudyReport
from gnn_search.studies.runs import select_names
from gnn_search.studies.study import StudyListener, run_study

BASE = "base"


def ablate(
    study: AblationSettings,
    graph: Graph,
    work: Path,
    listener: StudyListener,
    *,
    command: str,
    only: Sequence[str] = (),
    keep: bool = False,
) -> StudyReport:
    """Train and measure the base and its variants; see `run_study`.

    `only` names the variants to try, none means all; the base is always there.

    Raises:
        ConfigError: The base, the override or a variant is not right.
        RequestError: A name is none of a variant, no variant is left, or no case is.
    """
    configs, skipped = variant_configs(study, only)
    return run_study(study, configs, graph, work, listener, reference=BASE, command=command, keep=keep, skipped=skipped)


def variant_configs(study: AblationSettings, only: Sequence[str] = ()) -> tuple[dict[str, TrainingConfig], list[Skipped]]:
    """Return the configurations by name, the base first, and the variants that would be the base again."""
    base = overridden(TrainingConfig.load(study.base), study.override, "the study's override")
    configs, skipped = {BASE: base}, []
    for name in select_names(study.variants, only, "variant"):
        change = study.variants[name]
        config = overridden(base, change, f"variant '{name}'")
        if config == base:
            reason = f"the base {study.base} is like this already: {', '.join(settings_of(change)) or 'nothing is changed'}"
            skipped.append(Skipped(name=name, reason=reason))
        else:
            configs[name] = config
    if len(configs) == 1:
        raise RequestError(f"no variant is left to try: {'; '.join(f'{one.name}: {one.reason}' for one in skipped)}")
    return configs, skipped
