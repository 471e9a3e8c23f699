"""Stop a training that diverges, so that no model of NaN is ever saved."""

from __future__ import annotations

import torch
from torch import Tensor

from gnn_search.errors import DivergenceError


def refuse_divergence(numbers: Tensor | float, what: str, rates: str = "optimiser") -> None:
    """Raise an error unless every number is finite.

    Args:
        numbers: What was computed.
        what: What it is and when it was computed, for the message.
        rates: The part of the configuration that holds the learning rates.

    Raises:
        DivergenceError: A number is NaN or infinite.
    """
    if not torch.isfinite(torch.as_tensor(numbers)).all():
        raise DivergenceError(f"the training diverged: {what} is not finite; lower the learning rates under '{rates}' and train anew")
