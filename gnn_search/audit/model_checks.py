"""Check that a model belongs to the graph, and that its vectors and weights are sound and know no later events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnn_search.arrays import Float32, Float64
from gnn_search.audit import fitted
from gnn_search.audit.check import MOST_EXAMPLES, Check, Observation, observe, share
from gnn_search.audit.model import AuditedModel
from gnn_search.audit.shop import time_text
from gnn_search.trained.node_embeddings import read_vectors_manifest


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
    info, manifest = read_vectors_manifest(model.layout.node_embeddings), model.shop.manifest
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
            meaning=f"The stored vectors know all events before {time_text(as_of)}, also those of the test period, which starts at "
            f"{time_text(manifest.test_start)}.",
            advice=f"Remove {model.layout.node_embeddings}; they are made anew as of the start of the test period.",
            examples=({"as_of": time_text(as_of), "test_start": time_text(manifest.test_start)},),
        )


_OFF_UNIT = 1e-3
_BLOCK = 65_536


def _unit_length(model: AuditedModel) -> Iterator[Observation]:
    for node_type, vectors in model.vectors.items():
        norm = _norms(vectors)
        broken = np.flatnonzero(~np.isfinite(norm))
        yield from observe(
            "error",
            broken,
            meaning=f"Vectors of the {node_type} nodes hold NaN or infinity: their scores are undefined, and any list may hold them.",
            advice=f"Remove {model.layout.node_embeddings}; if they are made so again, training diverged: lower the learning rate.",
            examples=model.shop.node_examples(node_type, broken),
        )
        # A node without any known input has the zero vector.
        off = np.flatnonzero(np.isfinite(norm) & (np.abs(norm - 1) > _OFF_UNIT) & (norm != 0))
        if len(off):
            yield Observation(
                severity="error",
                count=len(off),
                meaning=f"Vectors of the {node_type} nodes are not of unit length ({norm[off].min():.3g} to {norm[off].max():.3g}): long "
                "ones win every list, and scores are not cosines.",
                advice=f"Remove {model.layout.node_embeddings}; they are made anew.",
                examples=model.shop.node_examples(node_type, off),
            )


def _nothing(model: AuditedModel) -> Iterator[Observation]:
    shop = model.shop
    zero = np.flatnonzero(_norms(model.vectors["product"]) == 0)
    if len(zero):
        tested = shop.product[shop.positive & shop.in_period("test")]
        hit = int(np.isin(tested, zero).sum())
        yield Observation(
            severity="error" if hit else "warning",
            count=len(zero),
            meaning=f"Products have the zero vector, so no query finds them by vector; {share(hit, len(tested))} of the test period's "
            "positive interactions are with such a product.",
            advice=f"Give them a text that the tokenizer knows, or a category; if they have both, remove {model.layout.node_embeddings}.",
            examples=model.shop.node_examples("product", zero),
        )


def _weights(model: AuditedModel) -> Iterator[Observation]:
    files = [file for file in (model.layout.weights, model.layout.reranker) if file.name in model.manifest.files]
    for file in files:
        broken = [name for name, tensor in model.tensors(file).items() if not np.isfinite(tensor).all()]
        if broken:
            yield Observation(
                severity="error",
                count=len(broken),
                meaning=f"Tensors in {file.name} hold NaN or infinity: training diverged.",
                advice="Train anew with a lower learning rate.",
                examples=tuple({"tensor": name} for name in broken[:MOST_EXAMPLES]),
            )


def _norms(vectors: Float32) -> Float64:
    """Return the length of each row, in blocks so that memory stays flat: float64 [n], NaN where a number is none."""
    blocks = (np.asarray(vectors[start : start + _BLOCK]) for start in range(0, len(vectors), _BLOCK))
    squares = [np.einsum("nd,nd->n", block, block, dtype=np.float64) for block in blocks]
    return np.asarray(np.sqrt(np.concatenate([*squares, np.empty(0)])), dtype=np.float64)


MODEL_CHECKS: tuple[Check[AuditedModel], ...] = (
    Check("other-graph", "a model of another graph than it was trained on", _other_graph),
    Check("vectors-as-of", "vectors of another model, or that know the test period", _vectors_as_of, AuditedModel.without_vectors),
    Check("unit-vectors", "vectors that hold NaN or are not of unit length", _unit_length, AuditedModel.without_vectors),
    Check("zero-vectors", "products that no query can find by vector", _nothing, AuditedModel.without_vectors),
    Check("finite-weights", "weights that hold NaN", _weights),
    *fitted.CHECKS,
)
