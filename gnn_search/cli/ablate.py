"""`gnn-search ablate`: what each part of a configuration contributes."""

from __future__ import annotations

from typing import Any

import click

from gnn_search.cli.studies import run_and_report, study_options


@click.command()
@study_options
def command(**options: Any) -> None:
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
    from gnn_search.studies.ablation import ablate
    from gnn_search.studies.tables import ablation_tables

    run_and_report("ablate", AblationSettings, ablate, ablation_tables, **options)
