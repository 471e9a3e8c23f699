"""What is tried, by hand."""

from __future__ import annotations

from gnn_search.index.settings import IndexSettings
from gnn_search.index.tuning.space import builds, ladders


def test_every_kind_and_the_codes_of_three_sizes():
    found = [one.description() for one in builds(10_000, 16, ["fp16", "ivf_flat", "hnsw", "ivf_pq"], 0)]
    assert found == ["SQfp16", "IVF256,Flat", "HNSW32", "IVF256,PQ4x4fs", "IVF256,PQ8x4fs", "IVF256,PQ16x4fs"]


def test_what_won_last_time_comes_first_with_lists_of_today():
    before = IndexSettings(kind="ivf_pq", nlist=40, nprobe=10, pq_m=2, full="int8", candidates=7)
    first, *others = builds(10_000, 16, ["ivf_pq"], 3, before)
    assert (first.description(), first.nlist, first.full, first.seed) == ("IVF256,PQ2x4fs", 256, "int8", 3)
    assert len(others) == 3
    again = builds(10_000, 16, ["ivf_pq"], 3, before.model_copy(update={"pq_m": 8}))
    assert [one.description() for one in again] == ["IVF256,PQ8x4fs", "IVF256,PQ4x4fs", "IVF256,PQ16x4fs"]
    assert again[0].full == "int8"


def test_ladders_look_further_step_by_step():
    flat, lists, codes, graph = (IndexSettings(kind=kind).resolve(10_000, 16) for kind in ("fp16", "ivf_flat", "ivf_pq", "hnsw"))
    assert list(ladders(flat)) == [[flat]]
    (steps,) = ladders(lists)
    assert [one.nprobe for one in steps] == [4, 8, 16, 32, 64, 128]
    assert [ladder[0].candidates for ladder in ladders(codes)] == [4, 12, 40]
    (steps,) = ladders(graph)
    assert [one.ef_search for one in steps] == [32, 64, 128, 256, 512, 1024]
