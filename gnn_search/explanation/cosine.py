"""Split a cosine among the parts of two vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from gnn_search.arrays import Float64
from gnn_search.explanation.result import CosinePart, CosineSplit


def split_cosine(request: Mapping[str, Tensor], product: Mapping[str, Tensor]) -> CosineSplit:
    r"""Return the cosine of two sums as a sum over their parts.

    .. math::
        \cos(\mathbf{q}, \mathbf{p}) = \sum_i \sum_j \frac{\mathbf{q}_i \cdot \mathbf{p}_j}{|\mathbf{q}| \, |\mathbf{p}|}, \qquad
        \mathbf{q} = \sum_i \mathbf{q}_i, \quad \mathbf{p} = \sum_j \mathbf{p}_j

    Each part is divided by the length of the whole, so the normalisation is shared out in proportion: a part that points neither way adds
    nothing, although it makes the whole longer and thereby all others smaller.

    Shapes:
        Each part: [d].
    """
    left, right = _scaled(request), _scaled(product)
    both = left @ right.T
    return CosineSplit(
        cosine=float(both.sum()),
        request=_parts(request, both.sum(axis=1), left),
        product=_parts(product, both.sum(axis=0), right),
        both=tuple(tuple(row) for row in both.tolist()),
    )


def _scaled(parts: Mapping[str, Tensor]) -> Float64:
    """Return parts divided by the length of their sum: [parts, d]."""
    rows = np.stack([part.double().numpy() for part in parts.values()])
    return np.asarray(rows / max(float(np.linalg.norm(rows.sum(axis=0))), 1e-12))


def _parts(names: Mapping[str, Tensor], cosine: Float64, rows: Float64) -> tuple[CosinePart, ...]:
    lengths = np.linalg.norm(rows, axis=1)
    return tuple(
        CosinePart(name=name, cosine=value, length=length)
        for name, value, length in zip(names, cosine.tolist(), lengths.tolist(), strict=True)
    )
