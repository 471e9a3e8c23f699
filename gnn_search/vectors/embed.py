"""Vectors of what is not in the graph, with the shop's own ids."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import torch
from pydantic import BaseModel

from gnn_search.arrays import Float32
from gnn_search.errors import TableError
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import to_datetime
from gnn_search.layout import refuse_existing, staged, write_json
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.requests.users import read_user_file
from gnn_search.tables.columns import Column
from gnn_search.tables.scan import find_given_source, read_columns
from gnn_search.tables.text import normalise_distinct
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import open_node_embeddings
from gnn_search.vectors.new_products import read_new_products

VECTOR_COLUMN = "vector"


class ProductsEmbedded(BaseModel):
    """What was made of a file of products.

    Attributes:
        read: Rows of the file.
        vectors: Vectors written.
        set_aside: Rows that can't be used, by reason.
        in_graph: Products whose id the graph holds; they too are encoded as new.
        placed_higher: Products whose category the graph does not hold, but one above it.
        in_no_category: Products in no category that the graph holds.
        unknown: Those of them whose text has no known word either: all that is known of these are numbers, attributes and brand.
        zero_vectors: Vectors of length 0.
    """

    read: int
    vectors: int
    set_aside: dict[str, int]
    in_graph: int
    placed_higher: int
    in_no_category: int
    unknown: int
    zero_vectors: int


class UsersEmbedded(BaseModel):
    """What was made of a file of users.

    Attributes:
        vectors: Vectors written, one a user.
        events: Events of their histories.
        unknown_products: Events left out, since their product is not in the graph.
        later: Events left out, since they are not before `as_of`.
        zero_vectors: Vectors of length 0, of users of whom nothing is known.
    """

    vectors: int
    events: int
    unknown_products: int
    later: int
    zero_vectors: int


class QueriesEmbedded(BaseModel):
    """What was made of a file of queries.

    Attributes:
        vectors: Vectors written, one a row.
        known: Queries that the graph holds, encoded with what it says of them; the others by their text.
        zero_vectors: Vectors of length 0, of queries without a known word.
    """

    vectors: int
    known: int
    zero_vectors: int


class EmbedSummary(BaseModel):
    """What `embed` wrote, by kind of file that was given, as `embed.json` keeps it.

    Attributes:
        as_of: Everything before it was known (UTC).
    """

    as_of: datetime
    dimension: int
    graph_hash: str
    model_hash: str
    products: ProductsEmbedded | None = None
    users: UsersEmbedded | None = None
    queries: QueriesEmbedded | None = None


class Embedder:
    """Encodes what files hold as of a time (µs; by default the start of the test period), by the code that encodes the graph's nodes."""

    def __init__(self, model: Model, as_of: int | None = None) -> None:
        shop = open_node_embeddings(model, as_of)
        self._model, self.as_of = model, shop.as_of
        products = torch.from_numpy(shop.vectors["product"])
        self._encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of), products)

    def products(self, path: Path) -> tuple[pl.DataFrame, ProductsEmbedded]:
        """Encode a file of products (see `read_new_products`) by what is known of each alone; no neighbour counts."""
        new = read_new_products(self._model, path)
        vectors = self._encoder.encode_new_products(new.facts).numpy()
        known = IdLookup(self._model.graph.nodes("product").to_series(0)).find(new.product_id) >= 0
        return _table(new.product_id, vectors), ProductsEmbedded(
            read=new.read,
            vectors=len(vectors),
            set_aside=new.set_aside,
            in_graph=int(known.sum()),
            placed_higher=new.placed_higher,
            in_no_category=new.in_no_category,
            unknown=new.unknown,
            zero_vectors=_zeros(vectors),
        )

    def users(self, path: Path) -> tuple[pl.DataFrame, UsersEmbedded]:
        """Encode a file of users (see `read_user_file`)."""
        new = read_user_file(self._model, path, self.as_of)
        vectors = self._encoder.encode_users(new.users).numpy()
        return _table(new.user_id, vectors), UsersEmbedded(
            vectors=len(vectors),
            events=new.events,
            unknown_products=int(new.unknown.sum()),
            later=int(new.later.sum()),
            zero_vectors=_zeros(vectors),
        )

    def queries(self, path: Path) -> tuple[pl.DataFrame, QueriesEmbedded]:
        """Encode the column `query` of a file without a user.

        Raises:
            TableError: The file is absent, damaged or empty, lacks the column, or a query is null or blank.
        """
        given = read_columns(find_given_source("queries", path), [Column("query", "query", "query", "text")])["query"]
        text = normalise_distinct(given)
        blank = (text.is_null() | (text == "")).arg_true()
        if len(blank):
            raise TableError(f"{path}: the query of row {blank[0]} (counted from 0) is null or blank; {len(blank)} of {len(text)} rows are")
        distinct = text.unique().sort()
        node = IdLookup(self._model.graph.nodes("query")["query"]).find(distinct)
        vectors = self._encoder.encode_texts(distinct.to_list())
        known = np.flatnonzero(node >= 0)
        if len(known):
            vectors[torch.from_numpy(known)] = self._encoder.encode_queries(node[known])
        row = IdLookup(distinct).find(text)
        found = vectors.numpy()[row]
        return _table(given, found), QueriesEmbedded(vectors=len(found), known=int((node[row] >= 0).sum()), zero_vectors=_zeros(found))


def embed(
    model: Model, out: Path, as_of: int | None = None, products: Path | None = None, users: Path | None = None, queries: Path | None = None
) -> EmbedSummary:
    """Write the vectors of what some files hold, and `embed.json`, into a folder.

    Args:
        model: The model.
        out: The folder, made whole or not at all.
        as_of: Everything before it is known, µs; by default the start of the test period.
        products: A file of products, see `read_new_products`.
        users: A file of users, see `read_user_file`.
        queries: A file of queries.

    Raises:
        OutputExistsError: `out` exists.
        TableError, RequestError: A file can't be used.
    """
    refuse_existing(out)
    embedder = Embedder(model, as_of)
    known = {"graph_hash": model.graph.manifest.hash, "model_hash": model.manifest.hash}
    summary = EmbedSummary(as_of=to_datetime(embedder.as_of), dimension=model.manifest.dimension, **known)
    with staged(out) as partial:
        partial.mkdir()
        if products is not None:
            table, summary.products = embedder.products(products)
            table.write_parquet(partial / "products.parquet")
        if users is not None:
            table, summary.users = embedder.users(users)
            table.write_parquet(partial / "users.parquet")
        if queries is not None:
            table, summary.queries = embedder.queries(queries)
            table.write_parquet(partial / "queries.parquet")
        write_json(partial / "embed.json", summary.model_dump(mode="json"))
    return summary


def _table(ids: pl.Series, vectors: Float32) -> pl.DataFrame:
    flat = pl.Series(VECTOR_COLUMN, np.ascontiguousarray(vectors).reshape(-1), dtype=pl.Float32)
    return pl.DataFrame([ids, flat.reshape(vectors.shape)])


def _zeros(vectors: Float32) -> int:
    return int(len(vectors) - np.any(vectors, axis=1).sum())
