"""Training configurations small enough for tests."""

from __future__ import annotations

from typing import Any

from gnn_search.config.training import TrainingConfig


def tiny_settings(**changes: Any) -> dict[str, Any]:
    """Return a configuration as YAML would hold it; a change that is a mapping is merged into the part that it names."""
    content: dict[str, Any] = {
        "name": "tiny",
        "seed": 1,
        "dimension": 16,
        "text": {"vocabulary": 200, "max_tokens": 16},
        "product": {"queries": 3, "bought_with": 3, "pool": 2, "id_dropout": 0.1},
        "query": {"products": 4},
        "user": {"recent": 5, "history": 6},
        "negatives": [{"kind": "in_batch"}, {"kind": "uniform", "count": 8}, {"kind": "taxonomy", "count": 2, "levels": [1, 1]}],
        "optimiser": {"learning_rate": 0.01, "table_learning_rate": 0.03},
        "loop": {
            "epochs": 1,
            "batch_size": 32,
            "window_days": 12,
            "validate_every": 4,
            "validation_cases": 30,
            "patience": 100,
            "refresh_every": 3,
        },
    }
    for part, change in changes.items():
        content[part] = {**content[part], **change} if isinstance(change, dict) else change
    return content


def tiny_config(**changes: Any) -> TrainingConfig:
    """Return a checked tiny configuration."""
    return TrainingConfig.model_validate(tiny_settings(**changes))
