"""Turn columns of the node tables into rows of embedding tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from gnn_search.arrays import Int64
from gnn_search.config.training import SharedAttribute
from gnn_search.errors import ConfigError
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph
from gnn_search.model.aggregation import Padded, Ragged


@dataclass(frozen=True)
class Codes:
    """Which rows of an embedding table belong to each node.

    Shapes:
        - code: int64 [nodes, columns], -1 for unknown
    """

    code: Int64
    num_rows: int

    def summed(self, nodes: npt.NDArray[np.integer]) -> Padded:
        """List the known values of some nodes, integers [n], to be summed; a node of -1 has none."""
        rows = np.where(nodes[:, None] >= 0, self.code[np.maximum(nodes, 0)], -1)
        return Padded.of_known(torch.from_numpy(rows), mean=False)

    def averaged(self, nodes: npt.NDArray[np.integer]) -> Ragged:
        """List the known values of some nodes, integers [n], to be averaged; a node of -1 has none."""
        rows = np.where(nodes[:, None] >= 0, self.code[np.maximum(nodes, 0)], -1)
        return Ragged.of_known(np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1], rows.ravel())


class ValueNumbers:
    """Numbers for the values of some columns, in alphabetical order, one range of numbers a column.

    Args:
        columns: Names, each with the values that are numbered; null and repeated ones are left out.

    Attributes:
        values: Of each column, in the order of their numbers.
        num_rows: Values of all columns together.
    """

    def __init__(self, columns: Sequence[tuple[str, pl.Series]]) -> None:
        self.values = [(name, values.drop_nulls().unique().sort()) for name, values in columns]
        self.num_rows = sum(len(values) for _, values in self.values)
        self._lookups = [IdLookup(values) for _, values in self.values]

    @classmethod
    def of(cls, frame: pl.DataFrame, columns: Sequence[str]) -> ValueNumbers:
        """Number the values of a table's columns."""
        return cls([(name, frame[name]) for name in columns])

    def code(self, frame: pl.DataFrame) -> Codes:
        """Look up the values of some nodes; one that was not numbered is unknown."""
        codes, first = [], 0
        for (name, values), lookup in zip(self.values, self._lookups, strict=True):
            number = lookup.find(frame[name])
            codes.append(np.where(number >= 0, number + first, -1).astype(np.int64))
            first += len(values)
        return _side_by_side(codes, frame.height, self.num_rows)


def code_values(frame: pl.DataFrame, columns: Sequence[str]) -> Codes:
    """Number the values of each column in alphabetical order, one range of numbers a column."""
    return ValueNumbers.of(frame, columns).code(frame)


def code_quantiles(graph: Graph, buckets: int, products: pl.DataFrame | None = None) -> Codes:
    """Cut each numeric column of the products into buckets that hold about as many products with interactions in the training period.

    What lies beyond the first or last border belongs to the bucket there. A missing value has a row of its own, the last of the
    column's `buckets` + 1. By default the graph's own products are cut.
    """
    products, codes = graph.nodes("product") if products is None else products, []
    columns = quantile_borders(graph, buckets)
    for number, (name, borders) in enumerate(columns.items()):
        value = products[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        bucket = np.where(np.isnan(value), buckets, np.searchsorted(np.asarray(borders), value, side="right"))
        codes.append(number * (buckets + 1) + bucket.astype(np.int64))
    return _side_by_side(codes, products.height, len(columns) * (buckets + 1))


def quantile_borders(graph: Graph, buckets: int) -> dict[str, list[float]]:
    """Return, by numeric column, the quantiles over products with interactions in the training period; no border where none has a value."""
    products, borders = graph.nodes("product"), {}
    # Products of later periods would tell of the future.
    trained = graph.examples("train").filter(pl.col("action").is_in(graph.positive_actions))["product"].unique().to_numpy()
    for name in graph.manifest.recipe["tables"]["products"]["numeric"]:
        value = products[name].cast(pl.Float64).fill_null(np.nan).to_numpy()[trained]
        seen = value[~np.isnan(value)]
        borders[name] = np.quantile(seen, np.arange(1, buckets) / buckets).tolist() if len(seen) else []
    return borders


def number_shared(graph: Graph, attributes: Sequence[SharedAttribute]) -> tuple[ValueNumbers, ValueNumbers]:
    """Number the values that users and products share: at one level, the same value is the same row on both sides.

    Returns:
        The numbers by columns of the users and by columns of the products, of one table; one column a level of each attribute.

    Raises:
        ConfigError: A column is none of the recipe's attributes.
    """
    tables, users, products = graph.manifest.recipe["tables"], graph.nodes("user"), graph.nodes("product")
    known = {"user": (tables["users"] or {"attributes": []})["attributes"], "product": tables["products"]["attributes"]}
    of_users, of_products = [], []
    for attribute in attributes:
        for side, columns in (("user", attribute.user), ("product", attribute.product)):
            for column in columns:
                if column not in known[side]:
                    raise ConfigError(
                        f"shared_attributes.{attribute.name}.{side}: '{column}' is no attribute of the {side}s of the graph {graph.path}, "
                        f"which are {list(known[side])}; name one of these, or add it to the recipe and build the graph again"
                    )
        for user_column, product_column in zip(attribute.user, attribute.product, strict=True):
            values = pl.concat([users[user_column].alias("value"), products[product_column].alias("value")])
            of_users.append((user_column, values))
            of_products.append((product_column, values))
    return ValueNumbers(of_users), ValueNumbers(of_products)


def _side_by_side(codes: list[Int64], rows: int, num_rows: int) -> Codes:
    return Codes(np.stack(codes, axis=1) if codes else np.empty((rows, 0), np.int64), num_rows)
