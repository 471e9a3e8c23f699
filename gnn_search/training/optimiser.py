"""AdamW for dense weights, row-wise Adam for tables of free vectors, one schedule for both."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gnn_search.config.training import OptimiserSettings
from gnn_search.model.text_towers import TRANSFORMER_WEIGHTS
from gnn_search.model.value_table import ValueTable

_TABLES = ("text.tokens", "text.importance", "product.category")


class Optimisers:
    """The optimisers of a retriever.

    Args:
        model: The retriever.
        settings: Rates.
        total_steps: Steps of the whole run, for the schedule.
    """

    def __init__(self, model: nn.Module, settings: OptimiserSettings, total_steps: int) -> None:
        sparse_names = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Embedding) and module.sparse}
        named = dict(model.named_parameters())
        values = [f"{name}.weight" for name, module in model.named_modules() if isinstance(module, ValueTable)]
        table_names = [name for name in (*_TABLES, *values) if name in named]
        tables = [named[name] for name in table_names]
        transformer = [parameter for name, parameter in named.items() if name.startswith(TRANSFORMER_WEIGHTS)]
        others = sparse_names | set(table_names)
        dense = [parameter for name, parameter in named.items() if name not in others and not name.startswith(TRANSFORMER_WEIGHTS)]
        self._settings, self._total_steps = settings, total_steps
        groups = [
            {"params": dense, "rate": settings.learning_rate, "weight_decay": settings.weight_decay},
            {"params": tables, "rate": settings.table_learning_rate, "weight_decay": 0.0},
        ]
        if transformer:
            groups.append({"params": transformer, "rate": settings.transformer_learning_rate, "weight_decay": settings.weight_decay})
        self._all: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)]
        if sparse_names:
            sparse = [{"params": [named[name] for name in sorted(sparse_names)], "rate": settings.table_learning_rate}]
            self._all.append(torch.optim.SparseAdam(sparse, lr=settings.table_learning_rate))

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
