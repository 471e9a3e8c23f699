from __future__ import annotations

import subprocess
import sys

import pytest

from gnn_search.config.baselines import RecentHistorySettings, load_baseline_settings
from gnn_search.errors import ConfigError, RequestError
from gnn_search.evaluation.baselines.build import BASELINES, QUICK, build_baselines, names_of


def test_names_and_groups():
    assert names_of("quick") == QUICK
    assert names_of("all") == BASELINES
    assert names_of("none") == ()
    assert names_of("bm25, popularity,bm25") == ("bm25", "popularity")
    assert names_of("lightgcn,quick") == ("lightgcn", *QUICK)


@pytest.mark.parametrize("asked", ["bm52", "quick,bm52", "bm52,none"])
def test_an_unknown_name_lists_the_known_ones(asked):
    with pytest.raises(
        RequestError, match=rf"there is no baseline 'bm52'; there are {', '.join(BASELINES)}, and the groups quick, all, none"
    ):
        names_of(asked)


def test_baselines_come_in_the_order_asked_for(fruit_shop):
    names = ["bm25", "recent_history", "popularity"]
    assert [ranker.name for ranker in build_baselines(fruit_shop, fruit_shop.manifest.test_start, names)] == names
    quick = build_baselines(fruit_shop, fruit_shop.manifest.test_start)
    assert [ranker.name for ranker in quick] == list(QUICK)


def test_own_settings_stand_in_for_the_shipped_ones(fruit_shop, tmp_path):
    shipped = load_baseline_settings("recent_history", RecentHistorySettings)
    assert load_baseline_settings("recent_history", RecentHistorySettings, tmp_path) == shipped
    own = shipped.model_copy(update={"own_floor": 0.75})
    (tmp_path / "recent_history.yaml").write_text("\n".join(f"{key}: {value}" for key, value in own.model_dump().items()))
    assert load_baseline_settings("recent_history", RecentHistorySettings, tmp_path) == own
    (tmp_path / "recent_history.yaml").write_text("own_flour: 1")
    with pytest.raises(ConfigError, match=r"unknown key 'own_flour'"):
        build_baselines(fruit_shop, fruit_shop.manifest.test_start, ["recent_history"], settings=tmp_path)


def test_lists_load_neither_pyg_nor_a_transformer(fruit_shop):
    code = (
        "import sys; from pathlib import Path; from gnn_search.graph.store import Graph; "
        "from gnn_search.evaluation.baselines.build import build_baselines; "
        f"g = Graph.open(Path({str(fruit_shop.path)!r})); build_baselines(g, g.manifest.test_start); "
        "print(*[name for name in ('torch_geometric', 'sentence_transformers', 'transformers') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
