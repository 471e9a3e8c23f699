from __future__ import annotations

from gnn_search.evaluation.small import FEWEST, too_small


def test_the_one_rule():
    assert [too_small(count) for count in (0, FEWEST - 1, FEWEST)] == [True, True, False]
