"""What the formats write from: tables of ids and vectors, and what they may need to know beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Float32
from gnn_search.export.storage import BLOCK_VECTORS, Storage
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings
from gnn_search.vectors.embed import VECTOR_COLUMN

_ROWS = 1024
"""Documents turned into text at a time."""
_TEXT_BYTES = 64
"""Bytes of text for each number of a vector, several times what they are."""


@dataclass(frozen=True, eq=False)
class VectorTable:
    """Vectors with the ids of their rows.

    Shapes:
        keys: n rows, the shop's own ids; vectors: float32 [n, d], memory-mapped where they are stored.
    """

    keys: pl.DataFrame
    vectors: Float32

    def __len__(self) -> int:
        return len(self.vectors)

    def count_zero(self) -> int:
        """Return how many vectors have length 0."""
        real = sum(int(np.any(self.vectors[start : start + BLOCK_VECTORS], axis=1).sum()) for start in range(0, len(self), BLOCK_VECTORS))
        return len(self) - real


@dataclass(frozen=True, eq=False)
class ExportSource:
    """All that a format may write.

    Attributes:
        model, embeddings, products: The model, with its node embeddings and products.
        tables: What the formats of tables hold, by name.
        storage: How numbers are kept.
        shard_bytes: Most bytes a file.
        advance: Receives the rows written.
    """

    model: Model
    embeddings: NodeEmbeddings
    products: VectorTable
    tables: Mapping[str, VectorTable]
    storage: Storage
    shard_bytes: int
    advance: Callable[[int], None] = lambda rows: None

    @property
    def dimension(self) -> int:
        return int(self.products.vectors.shape[1])

    def shards(self, table: VectorTable) -> Iterator[tuple[pl.DataFrame, npt.NDArray[Any]]]:
        """Yield a table in parts of at most `shard_bytes` of vectors, each with its keys; an empty table is one empty part.

        Shapes:
            vectors: as stored, [rows, d].
        """
        rows = max(1, self.shard_bytes // (self.dimension * self.storage.bytes))
        for start in range(0, max(1, len(table)), rows):
            part = slice(start, start + rows)
            yield table.keys[part], self.storage.encode(table.vectors[part])
            self.advance(len(table.vectors[part]))

    def blocks(self, documents: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield the products' documents some rows at a time, with the column `vector`: null where it has length 0.

        A block turned into text takes a small part of a file, as far as its rows allow.
        """
        rows = min(_ROWS, max(1, self.shard_bytes // (_TEXT_BYTES * self.dimension)))
        for start in range(0, max(1, documents.height), rows):
            part = slice(start, start + rows)
            vectors = self.products.vectors[part]
            stored = vector_series(self.storage.encode(vectors))
            known = pl.Series("known", np.any(vectors, axis=1), dtype=pl.Boolean)
            yield documents[part].with_columns(pl.when(known).then(stored).alias(VECTOR_COLUMN))
            self.advance(len(vectors))


def vector_series(vectors: npt.NDArray[Any]) -> pl.Series:
    """Return vectors as a column of lists of fixed size.

    Shapes:
        vectors: [n, d].
    """
    return pl.Series(VECTOR_COLUMN, np.ascontiguousarray(vectors).reshape(-1)).reshape((len(vectors), vectors.shape[1]))
