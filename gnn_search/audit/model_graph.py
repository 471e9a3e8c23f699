"""Check that a model belongs to the graph, and that its vectors know no later events."""

from __future__ import annotations

from collections.abc import Iterator

from gnn_search.audit.check import Check, Observation
from gnn_search.audit.model import AuditedModel
from gnn_search.audit.shop import time_text


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


def _vectors_as_of(model: AuditedModel) -> Iterator[Observation]:
    info, manifest = model.vectors_info, model.shop.manifest
    if info.get("model_hash") != model.manifest.hash or info.get("graph_hash") != manifest.hash:
        yield Observation(
            severity="error",
            count=1,
            meaning="The stored vectors were made by another model, or on another graph, than these weights.",
            advice=f"Remove {model.layout.vectors}; they are made anew.",
            examples=({"made_by": str(info.get("model_hash")), "model_hash": model.manifest.hash},),
        )
    as_of = info.get("as_of")
    if isinstance(as_of, int) and as_of > manifest.test_start:
        yield Observation(
            severity="error",
            count=1,
            meaning=f"The stored vectors know all events before {time_text(as_of)}, also those of the test period, which starts at "
            f"{time_text(manifest.test_start)}.",
            advice=f"Remove {model.layout.vectors}; they are made anew as of the start of the test period.",
            examples=({"as_of": time_text(as_of), "test_start": time_text(manifest.test_start)},),
        )


OTHER_GRAPH = Check("other-graph", "a model of another graph than it was trained on", _other_graph)
VECTORS_AS_OF = Check(
    "vectors-as-of", "vectors of another model, or that know the test period", _vectors_as_of, AuditedModel.without_vectors
)
