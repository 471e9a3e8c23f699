"""Who and what is frequent: one rule for queries, shoppers and products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEW, TAIL, TORSO, HEAD = "new", "tail", "torso", "head"
_PARTS = np.array([NEW, TAIL, TORSO, HEAD])


def part_by_frequency(count: NDArray[np.int64]) -> NDArray[np.str_]:
    """Part what was chosen into a head, a torso and a tail that hold about a third of the choices each.

    The most frequent that together hold the first third of the choices are the head, the next the torso, the others the tail; what was
    never chosen is new. Equal counts stay together, with the first of them. What was chosen no more often than half of the others (the
    median) is tail in any case: where most counts are one, a single choice makes nothing frequent.

    Shapes:
        count: int64[n]. Returns n times `NEW`, `TAIL`, `TORSO` or `HEAD`.

    >>> part_by_frequency(np.array([0, 1, 9, 5, 1, 1, 1])).tolist()
    ['new', 'tail', 'head', 'torso', 'tail', 'tail', 'tail']
    """
    values, place, times = np.unique(count, return_inverse=True, return_counts=True)
    held = values * times
    above = held.sum() - np.cumsum(held)
    third = above * 3 // max(int(held.sum()), 1)
    part = 3 - np.minimum(third, 2)
    known = count[count > 0]
    part[values <= (np.median(known) if len(known) else 0)] = 1
    part[values == 0] = 0
    return np.asarray(_PARTS[part[place.reshape(-1)]])
