"""Training configurations and untrained towers, small enough for tests."""

from __future__ import annotations

from typing import Any

import torch

from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.features import Features, training_texts
from gnn_search.model.text_encoder import TermHasher
from gnn_search.model.tokens import train_tokenizer
from gnn_search.model.two_tower import TwoTower


def tiny_settings(**changes: Any) -> dict[str, Any]:
    """Return a configuration as YAML would hold it; a change that is a mapping is merged into the part that it names."""
    content: dict[str, Any] = {
        "name": "tiny",
        "seed": 1,
        "dimension": 16,
        "text": {"vocabulary": 200, "max_tokens": 16, "buckets": 512, "start": None},
        "product": {"queries": 3, "bought_with": 3, "pool": 2, "cold_start_share": 0.5},
        "query": {"products": 4},
        "user": {"sequence_length": 5, "attention_length": 6},
        "negatives": [{"kind": "in_batch"}, {"kind": "uniform", "count": 8}, {"kind": "taxonomy", "count": 2, "levels": [1, 1]}],
        "optimiser": {"learning_rate": 0.01, "table_learning_rate": 0.03},
        "loop": {
            "epochs": 1,
            "least_steps": 1,
            "batch_size": 32,
            "window_days": 12,
            "validate_every": 4,
            "validation_cases": 30,
            "patience": 100,
            "refresh_every": 3,
        },
    }
    for part, change in changes.items():
        content[part] = {**content.get(part, {}), **change} if isinstance(change, dict) else change
    return content


def tiny_config(**changes: Any) -> TrainingConfig:
    """Return a checked tiny configuration."""
    return TrainingConfig.model_validate(tiny_settings(**changes))


def unchecked_config(**changes: Any) -> TrainingConfig:
    """Return a tiny configuration with numbers that no file may hold, such as a learning rate of 1e30."""
    return _unchecked(tiny_config(), changes)


def _unchecked(model: Any, changes: dict[str, Any]) -> Any:
    parts = {key: getattr(model, key) for key in changes}
    return model.model_copy(
        update={key: _unchecked(parts[key], value) if isinstance(value, dict) else value for key, value in changes.items()}
    )


def bag_tower(graph: Graph, config: TrainingConfig) -> BagTower:
    """Return an untrained bag of the parts that the configuration names."""
    parts = config.text.parts
    tokenizer = train_tokenizer(training_texts(graph), config.text) if "static" in parts else None
    hasher = TermHasher(config.text.buckets, config.text.grams) if "terms" in parts else None
    return BagTower(graph, config.dimension, tokenizer, hasher)


def random_towers(graph: Graph, config: TrainingConfig, seed: int = 0) -> TwoTower:
    """Return towers in which no weight is zero, so that every part counts."""
    torch.manual_seed(seed)
    towers = TwoTower(config, Features(graph), bag_tower(graph, config))
    with torch.no_grad():
        for name, parameter in towers.named_parameters():
            if name != "log_temperature":
                parameter += 0.2 * torch.randn_like(parameter)
    return towers
