"""Check vectors and weights: finite, of unit length, not zero."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnn_search.arrays import Float32, Float64, Int64
from gnn_search.audit.check import MOST_EXAMPLES, Check, Example, Observation, share
from gnn_search.audit.model import AuditedModel

_OFF_UNIT = 1e-3
_BLOCK = 65_536


def _unit_length(model: AuditedModel) -> Iterator[Observation]:
    for node_type, vectors in model.vectors.items():
        norm = _norms(vectors)
        broken = np.flatnonzero(~np.isfinite(norm))
        if len(broken):
            yield Observation(
                severity="error",
                count=len(broken),
                meaning=f"Vectors of the {node_type} nodes hold NaN or infinity: their scores are undefined, and any list may hold them.",
                advice="Remove the model's folder vectors; if they are made so again, training diverged: lower the learning rate.",
                examples=_named(model, node_type, broken),
            )
        # A node without any known input has the zero vector.
        off = np.flatnonzero(np.isfinite(norm) & (np.abs(norm - 1) > _OFF_UNIT) & (norm != 0))
        if len(off):
            yield Observation(
                severity="error",
                count=len(off),
                meaning=f"Vectors of the {node_type} nodes are not of unit length ({norm[off].min():.3g} to {norm[off].max():.3g}): long "
                "ones win every list, and scores are not cosines.",
                advice="Remove the model's folder vectors; they are made anew.",
                examples=_named(model, node_type, off),
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
            advice="Give them a text that the tokenizer knows, or a category; if they have both, remove the model's folder vectors.",
            examples=_named(model, "product", zero),
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
    squares = [np.einsum("nd,nd->n", part, part, dtype=np.float64) for part in _blocks(vectors)]
    return np.asarray(np.sqrt(np.concatenate([*squares, np.empty(0)])), dtype=np.float64)


def _blocks(vectors: Float32) -> Iterator[Float32]:
    for start in range(0, len(vectors), _BLOCK):
        yield np.asarray(vectors[start : start + _BLOCK])


def _named(model: AuditedModel, node_type: str, rows: Int64) -> tuple[Example, ...]:
    name = model.shop.id_name(node_type)
    return tuple({name: model.shop.id_of(node_type, int(row))} for row in rows[:MOST_EXAMPLES])


UNIT_VECTORS = Check("unit-vectors", "vectors that hold NaN or are not of unit length", _unit_length, AuditedModel.without_vectors)
ZERO_VECTORS = Check("zero-vectors", "products that no query can find by vector", _nothing, AuditedModel.without_vectors)
FINITE_WEIGHTS = Check("finite-weights", "weights that hold NaN", _weights)
