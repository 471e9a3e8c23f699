"""What is said of a score, as plain values."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from gnn_search.config.base import StrictModel

NodeType = Literal["user", "query", "product", "category"]


class ExplainedProduct(StrictModel):
    """The product; its category path is empty for one in none."""

    product_id: str | int
    title: str
    category: str


class Rank(StrictModel):
    """A place in one list over the whole catalogue.

    Attributes:
        rank: From 1; None for a product that is not in the list, as the graph leads nowhere near it.
        of: Products in the list.
        score: What the list is ordered by.
    """

    rank: int | None
    of: int
    score: float | None


class Ranks(StrictModel):
    """The product's place by each kind of ranking; None for one that the model or the request does not have.

    Attributes:
        reranked: Vectors and the graph's candidates together; vectors alone for a model without a reranker.
        plain: As `reranked`, but for nobody in particular.
    """

    reranked: Rank
    vector: Rank
    graph: Rank | None
    plain: Rank | None


class CosinePart(StrictModel):
    """One summand of a vector: what it adds to the cosine, and its length beside the whole's: a long part may point elsewhere."""

    name: str
    cosine: float
    length: float


class CosineSplit(StrictModel):
    """A cosine as a sum, twice: by what the request's vector is made of, and by what the product's is made of.

    Attributes:
        both: What each part of the request (rows) and of the product (columns) add together; all of it sums to the cosine.
    """

    cosine: float
    request: tuple[CosinePart, ...]
    product: tuple[CosinePart, ...]
    both: tuple[tuple[float, ...], ...]


class RememberedProduct(StrictModel):
    """A product of the history that the query selected: its share of the attention, and what it adds to the cosine."""

    product_id: str | int
    title: str
    times_interacted: int
    last_interacted: datetime
    weight: float
    cosine: float


class Attention(StrictModel):
    """Where the attention over the history goes; `nothing` and the weights sum to 1.

    Attributes:
        history_query: The query whose categories selected the history: of a cold query the known one most like it,
            beside whose categories those of others count; None where none is like it.
        nothing: Share of the zero slot: how much the model would rather not personalise.
        products: The history, the heaviest first.
    """

    history_query: str | None
    nothing: float
    products: tuple[RememberedProduct, ...]


class FeatureValue(StrictModel):
    """One feature that the reranker sees, beside its mean over the candidates of the request."""

    name: str
    value: float
    mean: float


class FeatureGroup(StrictModel):
    """Features that say much the same: what they add to the score, and in words; an interaction counts as often as it weighs."""

    name: str
    score: float
    words: str
    features: tuple[FeatureValue, ...]


class RerankerSplit(StrictModel):
    """The reranker's part of a score as a sum.

    Attributes:
        from_graph: Whether the graph leads to the product; if not, it is a candidate because its vector is near.
        candidates: Candidates of the request.
        mean: Their mean part; of many, that of 100 spread evenly.
        groups: What makes the product different from these, the largest first; with `mean` they sum to the reranker's part.
    """

    from_graph: bool
    candidates: int
    mean: float
    groups: tuple[FeatureGroup, ...]


class ScoreSplit(StrictModel):
    """A reranked score as a sum.

    Attributes:
        vector: What the cosine adds to the score.
        reranker: What the reranker adds; for a product that is no candidate, a constant.
    """

    score: float
    cosine: float
    vector: float
    reranker: float


class PathStep(StrictModel):
    """One step of a path through the graph.

    Attributes:
        to_id: The shop's id of it; of a query its text, of a category its path.
        share: Which share of the edges of this kind, by weight and recency, this one is at the node that it leaves.
    """

    words: str
    to_type: NodeType
    to_id: str | int
    to_name: str | None
    share: float


class GraphPath(StrictModel):
    """A path through the graph.

    Attributes:
        length: ln 2 a step, plus -ln of each step's share: the shorter, the likelier for a random walk.
        steps: At most three; the last leads to the product.
    """

    length: float
    steps: tuple[PathStep, ...]


class Explanation(StrictModel):
    """How a score comes about.

    Attributes:
        query_known: Whether it had an interaction before.
        verb: What users do with a product: `bought`, `clicked` or `interacted with`.
        as_of: What was known before this time (UTC) counts.
        notes: Sentences on what the request lacks.
        attention: Over the history; None for nobody in particular, or where the model has none.
        reranker: Its part as a sum; None where the product is no candidate, or the model has no reranker.
        from_user: The shortest paths from the user to the product, the shortest first.
    """

    query: str
    query_known: bool
    user_id: str | int | None
    verb: str
    product: ExplainedProduct
    as_of: datetime
    notes: tuple[str, ...]
    ranks: Ranks
    score: ScoreSplit
    cosine: CosineSplit
    attention: Attention | None
    reranker: RerankerSplit | None
    from_user: tuple[GraphPath, ...]
    from_query: tuple[GraphPath, ...]
