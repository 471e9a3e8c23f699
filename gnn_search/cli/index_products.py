"""The products that `index` and `tune-index` index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gnn_search.index.model_products import ModelProducts


@contextmanager
def opened_products(
    model: Path, out: Path, queries: int, seed: int, boost: Path | None, graph: Path | None, as_of: str | None
) -> Iterator[tuple[ModelProducts, Path]]:
    """Open a model folder's products, boosted where a boost is given.

    Yields:
        The products, and a folder beside `out` for what need not stay; boosted vectors lie there while the block lasts.
    """
    from gnn_search.graph.as_of import resolve_as_of
    from gnn_search.index.boosting.boost import open_boost
    from gnn_search.index.model_products import products_to_index
    from gnn_search.trained.model import open_model
    from gnn_search.trained.node_embeddings import open_node_embeddings

    opened = open_model(model, graph)
    opened.graph.verify()
    shop = open_node_embeddings(opened, resolve_as_of(opened.graph, as_of))
    qualities = None if boost is None else open_boost(boost, opened)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".index-", dir=out.parent) as folder:
        scratch = Path(folder)
        yield products_to_index(opened, shop, queries, seed, qualities, scratch), scratch
