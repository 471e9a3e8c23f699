"""The category tree, checked with networkx and laid out so that every subtree is one interval."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import networkx as nx
import numpy as np
import polars as pl

from gnn_search.arrays import Int32, Int64, open_array
from gnn_search.errors import TaxonomyError
from gnn_search.graph.csr import AGAIN

PATH_SEPARATOR = " > "


@dataclass(frozen=True)
class Taxonomy:
    """A forest of categories numbered in preorder (an Euler tour), and the products in the order of their categories.

    Category c's subtree is the categories [c, subtree_end[c]) and the products product_order[product_start[c] : product_end[c]].
    All top categories together are one interval, so the place above them needs no node.

    Shapes:
        - parent, depth, subtree_end: int32 [categories]; at the top parent is -1 and depth 0
        - product_category: int32 [products], -1 for a product in no category
        - product_order: int32 [products in a category]
        - product_start, product_end: int64 [categories]
    """

    parent: Int32
    depth: Int32
    subtree_end: Int32
    product_category: Int32
    product_order: Int32
    product_start: Int64
    product_end: Int64

    @property
    def num_categories(self) -> int:
        return len(self.parent)

    def ancestors(self) -> Int32:
        """Return each category's path to the top, itself first, padded with -1: int32 [categories, deepest + 1]."""
        if not self.num_categories:
            return np.full((0, 1), -1, dtype=np.int32)
        paths = [np.arange(self.num_categories, dtype=np.int32)]
        for _ in range(int(self.depth.max())):
            below = paths[-1]
            paths.append(np.where(below >= 0, self.parent[below], -1).astype(np.int32))
        return np.stack(paths, axis=1)

    def distance(self, a: Int32, b: Int32) -> Int32:
        """Return the number of steps from category to category over the tree; the places above the tops count as one node.

        Shapes:
            - a, b: int32 [n], no -1
            - Returns int32 [n]
        """
        paths = self.ancestors()
        depth_a, depth_b = self.depth[a], self.depth[b]
        shared = np.full(len(a), -1, dtype=np.int32)
        for level in range(paths.shape[1]):
            at_a, at_b = depth_a - level, depth_b - level
            both = (at_a >= 0) & (at_b >= 0)
            same = both & (paths[a, np.maximum(at_a, 0)] == paths[b, np.maximum(at_b, 0)])
            shared[same] = level
        return (depth_a + depth_b - 2 * shared).astype(np.int32)

    def save(self, folder: Path) -> None:
        """Write one `.npy` file an array."""
        folder.mkdir(parents=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))

    @classmethod
    def open(cls, folder: Path) -> Taxonomy:
        """Open the arrays memory-mapped.

        Raises:
            ArtefactError: One is missing or damaged.
        """
        wide = ("product_start", "product_end")
        dtypes = {field.name: np.int64 if field.name in wide else np.int32 for field in fields(cls)}
        return cls(*(open_array(folder / f"{name}.npy", AGAIN, dtype, (None,)) for name, dtype in dtypes.items()))


def layout_taxonomy(categories: pl.DataFrame, product_category_id: pl.Series) -> tuple[pl.DataFrame, Taxonomy]:
    """Check a category tree and lay it out.

    Args:
        categories: `category_id`, `parent_id` (null at the top), `name`.
        product_category_id: The category of each product, null for none.

    Returns:
        The category nodes in preorder (`category_id`, `name`, `depth`, `path`), siblings by name; and the layout.

    Raises:
        TaxonomyError: A category stands twice, a parent is unknown, or there is a cycle.
    """
    tree = _checked_tree(categories)
    order, parent, depth, subtree_end = _preorder(tree)
    name_of = dict(zip(categories["category_id"].to_list(), categories["name"].to_list(), strict=True))
    names = [name_of[category] for category in order]
    paths: list[str] = []
    for name, above in zip(names, parent, strict=True):
        paths.append(name if above < 0 else paths[above] + PATH_SEPARATOR + name)
    nodes = pl.DataFrame(
        {
            "category_id": pl.Series(order, dtype=categories["category_id"].dtype),
            "name": pl.Series(names, dtype=pl.String),
            "depth": pl.Series(depth, dtype=pl.Int32),
            "path": pl.Series(paths, dtype=pl.String),
        }
    )
    lookup = nodes.select("category_id").with_row_index("category")
    joined = product_category_id.rename("category_id").to_frame().join(lookup, on="category_id", how="left", maintain_order="left")
    product_category = joined["category"].cast(pl.Int32).fill_null(-1).to_numpy().astype(np.int32)
    return nodes, _with_products(np.array(parent, np.int32), np.array(depth, np.int32), np.array(subtree_end, np.int32), product_category)


def categories_from_paths(paths: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    """Derive the category tree from the products' paths.

    Args:
        paths: List[String] a product, from the top; null for none.

    Returns:
        The table `category_id` (the path joined with " > "), `parent_id`, `name`; and each product's `category_id`.
    """
    joined = paths.list.join(PATH_SEPARATOR)
    distinct = paths.drop_nulls().unique()
    deepest = int(distinct.list.len().max() or 0) if len(distinct) else 0  # type: ignore[arg-type]
    levels = []
    frame = pl.DataFrame({"path": distinct})
    for length in range(1, deepest + 1):
        head = frame.filter(pl.col("path").list.len() >= length)
        levels.append(
            head.select(
                category_id=pl.col("path").list.head(length).list.join(PATH_SEPARATOR),
                parent_id=pl.col("path").list.head(length - 1).list.join(PATH_SEPARATOR) if length > 1 else pl.lit(None, pl.String),
                name=pl.col("path").list.get(length - 1),
            )
        )
    empty = pl.DataFrame(schema={"category_id": pl.String, "parent_id": pl.String, "name": pl.String})
    return pl.concat([empty, *levels]).unique().sort("category_id"), joined


def _checked_tree(categories: pl.DataFrame) -> nx.DiGraph[object]:
    twice = categories.filter(pl.col("category_id").is_duplicated())
    if twice.height:
        which = twice["category_id"][0]
        parents = twice.filter(pl.col("category_id") == which)["parent_id"].to_list()
        raise TaxonomyError(
            f"categories: category {which!r} stands {len(parents)} times, with parents {parents}; give each category one row and one parent"
        )
    known = set(categories["category_id"].to_list())
    tree: nx.DiGraph[object] = nx.DiGraph()
    tree.add_nodes_from(categories["category_id"].to_list())
    for category, parent, name in categories.select("category_id", "parent_id", "name").iter_rows():
        if parent is not None and parent not in known:
            raise TaxonomyError(
                f"categories: parent {parent!r} of category {category!r} is not in the table; add its row, or leave parent_id empty for a "
                "top category"
            )
        tree.nodes[category]["name"] = name
        if parent is not None:
            tree.add_edge(parent, category)
    if not nx.is_directed_acyclic_graph(tree):
        cycle = " -> ".join(repr(edge[0]) for edge in nx.find_cycle(tree))
        raise TaxonomyError(f"categories: there is a cycle, {cycle}; correct the parent_id of one of these categories")
    return tree


def _preorder(tree: nx.DiGraph[object]) -> tuple[list[object], list[int], list[int], list[int]]:
    def by_name(nodes: list[object]) -> list[object]:
        return sorted(nodes, key=lambda node: (str(tree.nodes[node]["name"]), str(node)))

    order: list[object] = []
    parent: list[int] = []
    depth: list[int] = []
    stack = [(node, -1, 0) for node in reversed(by_name([node for node in tree if tree.in_degree(node) == 0]))]
    while stack:
        node, above, level = stack.pop()
        position = len(order)
        order.append(node)
        parent.append(above)
        depth.append(level)
        stack.extend((child, position, level + 1) for child in reversed(by_name(list(tree.successors(node)))))
    subtree_end = list(range(1, len(order) + 1))
    for position in range(len(order) - 1, -1, -1):
        if parent[position] >= 0:
            subtree_end[parent[position]] = max(subtree_end[parent[position]], subtree_end[position])
    return order, parent, depth, subtree_end


def _with_products(parent: Int32, depth: Int32, subtree_end: Int32, product_category: Int32) -> Taxonomy:
    placed = np.flatnonzero(product_category >= 0)
    order = placed[np.argsort(product_category[placed], kind="stable")].astype(np.int32)
    sorted_categories = product_category[order]
    start = np.searchsorted(sorted_categories, np.arange(len(parent)), side="left").astype(np.int64)
    end = np.searchsorted(sorted_categories, subtree_end, side="left").astype(np.int64)
    return Taxonomy(parent, depth, subtree_end, product_category, order, start, end)
