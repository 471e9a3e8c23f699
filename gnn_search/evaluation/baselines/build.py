"""Make every baseline for one graph and moment."""

from __future__ import annotations

from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.evaluation.baselines.own_history import OwnHistory
from gnn_search.evaluation.baselines.popularity import Popularity
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.evaluation.baselines.query_popularity_then_bm25 import QueryPopularityThenBm25
from gnn_search.graph.store import Graph
from gnn_search.retrieval.ranking import Ranker


def build_baselines(graph: Graph, time: int) -> list[Ranker]:
    """Return the baselines as of `time` (microseconds), which share what they count and index."""
    view = graph.before(time)
    query_popularity = QueryPopularity(view)
    bm25 = Bm25(graph)
    return [
        Popularity(view),
        query_popularity,
        OwnHistory(view, query_popularity),
        bm25,
        QueryPopularityThenBm25(query_popularity, bm25),
    ]
