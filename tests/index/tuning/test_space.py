"""What is tried, by hand."""

from __future__ import annotations

import pytest

from gnn_search.errors import RequestError
from gnn_search.index.settings import IndexSettings
from gnn_search.index.tuning.space import builds, ladders


def test_every_kind_and_the_codes_of_three_sizes():
    found = [one.description() for one in builds(10_000, 16, ["fp16", "ivf_flat", "hnsw", "ivf_pq"], 0)]
    assert found == ["SQfp16", "IVF256,Flat", "HNSW32", "IVF256,PQ4x4fs", "IVF256,PQ8x4fs", "IVF256,PQ16x4fs"]


def test_what_won_last_time_comes_first_with_as_large_a_share_of_todays_lists():
    before = IndexSettings(kind="ivf_pq", nlist=40, nprobe=10, pq_m=2, full="int8", candidates=7)
    first, *others = builds(10_000, 16, ["ivf_pq"], 3, before)
    assert (first.description(), first.nlist, first.nprobe, first.full, first.seed) == ("IVF256,PQ2x4fs", 256, 64, "int8", 3)
    assert (next(ladders(first))[0].candidates, len(others)) == (7, 3)


def test_what_won_last_time_stands_in_the_place_of_nothing():
    before = IndexSettings(kind="ivf_pq", pq_m=8, full="int8")
    found = builds(10_000, 16, ["ivf_pq"], 3, before)
    assert [(one.pq_m, one.full) for one in found] == [(8, "int8"), (4, "float32"), (8, "float32"), (16, "float32")]


def test_codes_that_no_longer_divide_a_vector():
    assert builds(10_000, 15, ["fp16"], 0, IndexSettings(kind="ivf_pq", pq_m=8))[0].pq_m == 5


def test_few_products_have_no_codes():
    assert [one.kind for one in builds(10, 16, ["fp16", "ivf_pq"], 0)] == ["fp16"]
    with pytest.raises(RequestError, match="10 products are too few for an index of kind ivf_pq"):
        builds(10, 16, ["ivf_pq"], 0)


def test_ladders_look_further_step_by_step():
    flat, lists, codes, graph = (IndexSettings(kind=kind).resolve(10_000, 16) for kind in ("fp16", "ivf_flat", "ivf_pq", "hnsw"))
    assert list(ladders(flat)) == [[flat]]
    own, steps = ladders(lists)
    assert own == [lists]
    assert [one.nprobe for one in steps] == [4, 8, 16, 32, 64, 128]
    assert [ladder[0].candidates for ladder in ladders(codes)] == [10, 4, 12, 40]
    own, steps = ladders(graph)
    assert [one.ef_search for one in steps] == [32, 64, 128, 256, 512, 1024]
