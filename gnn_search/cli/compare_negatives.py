"""`gnn-search compare-negatives`: what mixes of negatives reach and cost."""

from __future__ import annotations

from typing import Any

import click

from gnn_search.cli.studies import run_and_report, study_options


@click.command()
@study_options
def command(**options: Any) -> None:
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
    from gnn_search.studies.negatives import compare_negatives
    from gnn_search.studies.tables import negatives_tables

    run_and_report("compare-negatives", NegativesStudySettings, compare_negatives, negatives_tables, **options)
