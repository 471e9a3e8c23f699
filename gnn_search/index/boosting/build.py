"""Measure the qualities of a boost and fit their quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph
from gnn_search.index.boosting.boost import Boost, QualityBorders
from gnn_search.index.boosting.qualities import (
    OF_LOG,
    halvings,
    has_interactions,
    measure_quality,
    numeric_product_columns,
    quality_borders,
)
from gnn_search.index.product_file import read_product_columns


def build_boost(graph: Graph, names: Sequence[str], columns: Path | None = None) -> Boost:
    """Return the qualities of all products as known at the start of validation, without weights.

    Args:
        graph: The shop.
        names: `popularity`, `recency`, `conversion`, numeric columns of the products, or columns of the file.
        columns: A file of further columns by product_id.

    Raises:
        RequestError: There is no quality, one is named twice or unknown, or no product with an interaction in training has a value of it.
        TableError: The file can't be used.
    """
    if not names:
        raise RequestError(f"a boost needs at least one quality; give {', '.join(OF_LOG)} or a numeric column of the products")
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise RequestError(f"the quality '{twice[0]}' is named more than once; name it once")
    here = {*OF_LOG, *numeric_product_columns(graph)}
    elsewhere = [name for name in names if name not in here]
    if columns is not None and not elsewhere:
        raise RequestError(f"no quality is read from {columns}, as the shop itself has {', '.join(names)}; name one of its columns")
    read = {} if columns is None else read_product_columns(columns, elsewhere, graph)
    view = graph.before(graph.manifest.validation_start)
    trained = has_interactions(view)
    qualities, parts = [], []
    for name in names:
        value = read[name] if name in read else measure_quality(view, name)
        borders = quality_borders(value, trained)
        if not borders:
            raise RequestError(f"no product with an interaction before validation has a value of '{name}'; leave it out")
        source: Literal["log", "products", "file"] = "file" if name in read else "log" if name in OF_LOG else "products"
        qualities.append(QualityBorders(name=name, source=source, borders=tuple(borders)))
        parts.append(halvings(value, borders))
    return Boost(tuple(qualities), {}, np.concatenate(parts, axis=1), view.time)
