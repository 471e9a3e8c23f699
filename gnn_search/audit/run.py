"""Run all checks on a graph, and on a model if given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from gnn_search.audit import (
    catalogue,
    derived_edges,
    held_out,
    later_events,
    message_edges,
    mirrors,
    popularity,
    queries,
    repeats,
    timeless,
    timestamps,
    users,
)
from gnn_search.audit.check import SEVERITIES, AuditReport, Check, Finding
from gnn_search.audit.shop import AuditedShop
from gnn_search.graph.store import Graph

_MODULES = (
    *(later_events, message_edges, mirrors, held_out, derived_edges, popularity),
    *(repeats, timeless, catalogue, queries, timestamps, users),
)
GRAPH_CHECKS: tuple[Check[AuditedShop], ...] = tuple(check for module in _MODULES for check in module.CHECKS)

_Subject = TypeVar("_Subject")


def audit(graph: Graph, model: Path | None = None) -> AuditReport:
    """Check for leaks and faults in the stored bytes of a graph and, if given, of a model.

    Args:
        graph: The graph; its hash is taken as verified.
        model: A model folder. A model of another graph is a finding, and what would need its own graph is skipped.

    Raises:
        ArtefactError: The model folder is no model, or is damaged or half-trained.
    """
    shop = AuditedShop(graph)
    findings: list[Finding] = []
    clean: dict[str, str] = {}
    skipped: dict[str, str] = {}
    model_hash = None
    if model is not None:
        # The models' modules load torch, which a graph alone does not need.
        from gnn_search.audit.model import AuditedModel
        from gnn_search.audit.model_checks import MODEL_CHECKS

        opened = AuditedModel.open(shop, model)
        model_hash = opened.manifest.hash
        _run(MODEL_CHECKS, opened, findings, clean, skipped)
    _run(GRAPH_CHECKS, shop, findings, clean, skipped)
    return AuditReport(
        graph=str(graph.path),
        graph_hash=graph.manifest.hash,
        model=None if model is None else str(model),
        model_hash=model_hash,
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
        clean=clean,
        skipped=skipped,
    )


def _run(
    checks: Sequence[Check[_Subject]], subject: _Subject, findings: list[Finding], clean: dict[str, str], skipped: dict[str, str]
) -> None:
    for check in checks:
        reason = check.unless(subject)
        if reason is not None:
            skipped[check.name] = reason
            continue
        found = check.find(subject)
        findings.extend(found)
        if not found:
            clean[check.name] = check.description
