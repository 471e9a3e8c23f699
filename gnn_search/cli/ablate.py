"""`gnn-search ablate`: what each part of a configuration contributes."""

from __future__ import annotations

from pathlib import Path

import click

from gnn_search.cli.output import emit, progress
from gnn_search.cli.studies import StudyWatcher, command_line, read_seeds, study_options


@click.command()
@study_options
def command(
    study: str,
    graph: Path,
    out: Path,
    base: str | None,
    seeds: str | None,
    cases: int | None,
    only: tuple[str, ...],
    work: Path | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Show what each part of a configuration contributes.

    STUDY is the name of a shipped study or a YAML file: a base, seeds, and variants by name, each a change to the base. All are measured on
    the same validation cases, over the whole catalogue, without those that the reranker was fitted on. Each run's result is kept in --work
    at once, so a killed study resumes. Differences are variant minus base, with 95 % bootstrap intervals over users.

    \b
    Example:
      gnn-search ablate ablation --graph demo/graph --out ablation.json
      gnn-search ablate ablation --graph demo/graph --out look.json --only 'without text' --seeds 0
    """
    from gnn_search.config.studies import AblationSettings
    from gnn_search.graph.store import Graph
    from gnn_search.layout import refuse_existing, write_json
    from gnn_search.studies.ablation import ablate
    from gnn_search.studies.tables import ablation_tables

    refuse_existing(out)
    settings = AblationSettings.load(study).changed(base=base, seeds=read_seeds(seeds), cases=cases)
    opened = Graph.open(graph)
    opened.verify()
    words = command_line("ablate", study, graph, out, base=base, seeds=seeds, cases=cases, only=only)
    with progress("steps") as bars:
        report = ablate(settings, opened, work or out.with_suffix(".work"), StudyWatcher(bars), command=words, only=only, keep=keep)
    write_json(out, report.model_dump(mode="json"))
    emit(report, as_json, lambda console: console.print(*ablation_tables(report)))
