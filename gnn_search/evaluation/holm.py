"""Holm's correction for many tests at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted for the size of their family (Holm, 1979).

    To call those below .05 significant is then wrong about any of them in at most 5 % of families, however the tests depend on each
    other. Of m p-values the i-th smallest is multiplied by m - i + 1, and is at least as large as those before it.

    Shapes:
        p_values: float64[family]; result: float64[family].
    """
    order = np.argsort(p_values, kind="stable")
    raised = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted
