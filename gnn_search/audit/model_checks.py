"""The checks of a model."""

from __future__ import annotations

from gnn_search.audit.check import Check
from gnn_search.audit.fitted import ID_EMBEDDINGS, QUANTILES, TOKENIZER
from gnn_search.audit.model import AuditedModel
from gnn_search.audit.model_graph import OTHER_GRAPH, VECTORS_AS_OF
from gnn_search.audit.vectors import FINITE_WEIGHTS, UNIT_VECTORS, ZERO_VECTORS

MODEL_CHECKS: tuple[Check[AuditedModel], ...] = (
    OTHER_GRAPH,
    VECTORS_AS_OF,
    UNIT_VECTORS,
    ZERO_VECTORS,
    FINITE_WEIGHTS,
    TOKENIZER,
    QUANTILES,
    ID_EMBEDDINGS,
)
