"""`gnn-search compare-negatives`: what mixes of negatives reach and cost."""

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
    """Show what mixes of negatives reach and cost.

    STUDY is the name of a shipped study or a YAML file: a base, seeds, and mixes of negatives by name. All are measured on the same
    validation cases, over the whole catalogue, by vectors alone. It shows recalls, the cost of mining, how often a negative is
    positive later, and the steps and seconds to the validation recalls that the study names. A killed study resumes.

    \b
    Example:
      gnn-search compare-negatives negatives --graph demo/graph --out negatives.json
      gnn-search compare-negatives negatives --graph demo/graph --out look.json --only ance --only tb_hns --seeds 0
    """
    from gnn_search.config.studies import NegativesStudySettings
    from gnn_search.graph.store import Graph
    from gnn_search.layout import refuse_existing, write_json
    from gnn_search.studies.negatives import compare_negatives
    from gnn_search.studies.tables import negatives_tables

    refuse_existing(out)
    settings = NegativesStudySettings.load(study).changed(base=base, seeds=read_seeds(seeds), cases=cases)
    opened = Graph.open(graph)
    opened.verify()
    words = command_line("compare-negatives", study, graph, out, base=base, seeds=seeds, cases=cases, only=only)
    with progress("steps") as bars:
        report = compare_negatives(
            settings, opened, work or out.with_suffix(".work"), StudyWatcher(bars), command=words, only=only, keep=keep
        )
    write_json(out, report.model_dump(mode="json"))
    emit(report, as_json, lambda console: console.print(*negatives_tables(report)))
