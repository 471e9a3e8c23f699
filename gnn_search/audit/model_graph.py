"""A model that is held to another graph than its own, and vectors that know too much."""

from __future__ import annotations

from collections.abc import Iterator

from gnn_search.audit.check import Check
from gnn_search.audit.finding import Observation
from gnn_search.audit.model import AuditedModel
from gnn_search.audit.shop import moment


def _other_graph(model: AuditedModel) -> Iterator[Observation]:
    if model.of_another_graph():
        graph = model.shop.graph
        yield Observation(
            severity="error",
            count=1,
            meaning="The model was trained on another graph than this: node numbers, cuts and events differ, so its figures here mean "
            "nothing, and it may have learned from this graph's test period.",
            advice="Give the model's own graph, or train anew on this one.",
            examples=(
                {"trained_on": model.manifest.graph, "hash": model.manifest.graph_hash},
                {"given": str(graph.path), "hash": graph.manifest.hash},
            ),
        )


def _moment_of_vectors(model: AuditedModel) -> Iterator[Observation]:
    info, manifest = model.vectors_info, model.shop.manifest
    if info.model_hash != model.manifest.hash or info.graph_hash != manifest.hash:
        yield Observation(
            severity="error",
            count=1,
            meaning="The stored vectors were made by another model, or on another graph, than these weights.",
            advice=f"Remove {model.layout.node_embeddings}; they are made anew.",
            examples=({"made_by": info.model_hash, "model_hash": model.manifest.hash},),
        )
    as_of = info.as_of
    if as_of > manifest.test_start:
        yield Observation(
            severity="error",
            count=1,
            meaning=f"The stored vectors know all events before {moment(as_of)}, also those of the test period, which starts "
            f"{moment(manifest.test_start)}.",
            advice=f"Remove {model.layout.node_embeddings}; they are made anew as of the start of the test period.",
            examples=({"as_of": moment(as_of), "test_start": moment(manifest.test_start)},),
        )


OTHER_GRAPH = Check("other-graph", "a model held to another graph than it was trained on", _other_graph)
MOMENT_OF_VECTORS = Check(
    "vectors-moment", "vectors of another model, or that know the test period", _moment_of_vectors, AuditedModel.without_vectors
)
