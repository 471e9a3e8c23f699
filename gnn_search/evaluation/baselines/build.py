"""Build baselines by name, for one graph and time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from gnn_search.config.baselines import BiEncoderSettings, LightGcnSettings, RecentHistorySettings, load_baseline_settings
from gnn_search.errors import RequestError
from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.evaluation.baselines.own_history import OwnHistory
from gnn_search.evaluation.baselines.popularity import Popularity
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.evaluation.baselines.query_popularity_then_bm25 import QueryPopularityThenBm25
from gnn_search.evaluation.baselines.recent_history import RecentHistory
from gnn_search.evaluation.baselines.recent_query_popularity import RecentQueryPopularity
from gnn_search.graph.store import Graph
from gnn_search.progress import Progress
from gnn_search.retrieval.ranking import CaseRanker

QUICK = (
    "popularity",
    "query_popularity",
    "own_history",
    "recent_query_popularity",
    "recent_history",
    "bm25",
    "query_popularity_then_bm25",
)
"""Baselines that are counted in seconds."""
BASELINES = (*QUICK, "lightgcn", "minilm")
"""With those that are trained or encode the catalogue, which takes minutes."""
_GROUPS = {"quick": QUICK, "all": BASELINES, "none": ()}


def names_of(names_or_groups: str) -> tuple[str, ...]:
    """Return the baselines of comma-separated names or groups (`quick`, `all`, `none`), each once.

    Raises:
        RequestError: A name is unknown; the message lists the known ones.
    """
    names: dict[str, None] = {}
    for name in (part.strip() for part in names_or_groups.split(",")):
        if name not in BASELINES and name not in _GROUPS:
            raise RequestError(f"there is no baseline '{name}'; there are {', '.join(BASELINES)}, and the groups {', '.join(_GROUPS)}")
        names.update(dict.fromkeys(_GROUPS.get(name, (name,))))
    return tuple(names)


def build_baselines(
    graph: Graph,
    time: int,
    names: Sequence[str] = QUICK,
    *,
    settings: Path | None = None,
    progress: Progress = lambda name, done, total: None,
) -> list[CaseRanker]:
    """Return the baselines as of `time` (microseconds), in the order of `names`; they share counts and indices.

    Args:
        graph: The shop.
        time: Events before it are known.
        names: Some of `BASELINES`.
        settings: Folder whose YAML files, named after baselines, replace the shipped settings.
        progress: Called as those that are trained go on.

    Raises:
        ConfigError: Settings are not right.
        MissingExtraError: A baseline needs a package that is not installed.
    """
    shelf = _Shelf(graph, time, settings, progress)
    return [getattr(shelf, name) for name in names]


class _Shelf:
    """Every baseline under its name, built at first use."""

    def __init__(self, graph: Graph, time: int, settings: Path | None, progress: Progress) -> None:
        self._graph, self._view, self._folder, self._progress = graph, graph.before(time), settings, progress

    @cached_property
    def popularity(self) -> Popularity:
        return Popularity(self._view)

    @cached_property
    def query_popularity(self) -> QueryPopularity:
        return QueryPopularity(self._view)

    @cached_property
    def own_history(self) -> OwnHistory:
        return OwnHistory(self._view, self.query_popularity)

    @cached_property
    def _recent(self) -> RecentHistorySettings:
        return load_baseline_settings("recent_history", RecentHistorySettings, self._folder)

    @cached_property
    def recent_query_popularity(self) -> RecentQueryPopularity:
        return RecentQueryPopularity(self._view, self._recent)

    @cached_property
    def recent_history(self) -> RecentHistory:
        return RecentHistory(self._view, self.recent_query_popularity, self._recent)

    @cached_property
    def bm25(self) -> Bm25:
        return Bm25(self._graph)

    @cached_property
    def query_popularity_then_bm25(self) -> QueryPopularityThenBm25:
        return QueryPopularityThenBm25(self._graph, self.query_popularity, self.bm25)

    @cached_property
    def lightgcn(self) -> CaseRanker:
        from gnn_search.evaluation.baselines.lightgcn import LightGcn

        settings = load_baseline_settings("lightgcn", LightGcnSettings, self._folder)
        return LightGcn(self._view, self.popularity, settings, lambda done, total: self._progress("lightgcn", done, total))

    @cached_property
    def minilm(self) -> CaseRanker:
        from gnn_search.evaluation.baselines.bi_encoder import BiEncoder, load_encoder

        return BiEncoder(self._graph, load_encoder(load_baseline_settings("minilm", BiEncoderSettings, self._folder)))
