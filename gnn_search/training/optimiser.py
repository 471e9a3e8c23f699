"""AdamW for dense weights, sparse Adam for ID embeddings, one schedule for both."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gnn_search.config.training import OptimiserSettings
from gnn_search.model.transformer_tower import LearningTransformer


@runtime_checkable
class HasTables(Protocol):
    """A module of which some weights are tables with one row a token, category or value."""

    def table_parameters(self) -> list[nn.Parameter]:
        """Return the weights that train at the rate of embedding tables."""


class Optimisers:
    """The optimisers of a model, with one schedule of the rates over `total_steps`."""

    def __init__(self, model: nn.Module, settings: OptimiserSettings, total_steps: int) -> None:
        modules = list(model.modules())
        sparse = [module.weight for module in modules if isinstance(module, nn.Embedding) and module.sparse]
        tables = [table for module in modules if isinstance(module, HasTables) for table in module.table_parameters()]
        transformer = [
            weight for module in modules if isinstance(module, LearningTransformer) for weight in module.transformer.parameters()
        ]
        others = {id(parameter) for parameter in (*sparse, *tables, *transformer)}
        dense = [parameter for parameter in model.parameters() if id(parameter) not in others]
        self._settings, self._total_steps = settings, total_steps
        groups = [
            {"params": dense, "rate": settings.learning_rate, "weight_decay": settings.weight_decay},
            {"params": tables, "rate": settings.table_learning_rate, "weight_decay": 0.0},
        ]
        if transformer:
            groups.append({"params": transformer, "rate": settings.transformer_learning_rate, "weight_decay": settings.weight_decay})
        self._all: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)]
        if sparse:
            group = {"params": sparse, "rate": settings.table_learning_rate}
            self._all.append(torch.optim.SparseAdam([group], lr=settings.table_learning_rate))

    def step(self, step: int) -> None:
        """Apply the gradients with the rates of a step (from 0), and clear them."""
        factor = self.factor(step)
        for optimiser in self._all:
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * factor
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def factor(self, step: int) -> float:
        """Return the share of the full rates: a linear rise, then a cosine to a twentieth."""
        warmup = max(1, round(self._settings.warmup * self._total_steps))
        if step < warmup:
            return (step + 1) / warmup
        done = min(1.0, (step - warmup) / max(1, self._total_steps - warmup))
        return 0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2

    def tensors(self) -> dict[str, Tensor]:
        """Return the optimisers' state as named tensors."""
        named = {}
        for number, optimiser in enumerate(self._all):
            for parameter, state in optimiser.state_dict()["state"].items():
                for key, value in state.items():
                    named[f"{number}.{parameter}.{key}"] = torch.as_tensor(value)
        return named

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `tensors` returned."""
        for number, optimiser in enumerate(self._all):
            content = optimiser.state_dict()
            state: dict[int, dict[str, object]] = {}
            for name, value in tensors.items():
                place, parameter, key = name.split(".")
                if int(place) == number:
                    counted = isinstance(optimiser, torch.optim.SparseAdam) and key == "step"
                    state.setdefault(int(parameter), {})[key] = int(value) if counted else value
            content["state"] = state
            optimiser.load_state_dict(content)
