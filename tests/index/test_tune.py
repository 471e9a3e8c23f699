"""A tuning marks its front, keeps its caps, and chooses what finds most."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.errors import RequestError
from gnn_search.index.approximate import ApproximateIndex
from gnn_search.index.settings import IndexSettings
from gnn_search.index.tune import Caps, Trial, builds, ladders, mark_front, tune


@pytest.fixture(scope="module")
def data():
    """1,500 vectors around 30 centres, and queries beside them."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(30, 16))
    vectors = (centres[random.integers(0, 30, 1600)] + 0.6 * random.normal(size=(1600, 16))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[:1500], vectors[1500:]


def trial(recall: float, p50: float, size: float) -> Trial:
    settings = IndexSettings(kind="fp16").resolve(100, 16)
    return Trial(settings=settings, faiss="", recall=recall, p50_ms=p50, p99_ms=p50, cpu_ms=p50, bytes_product=size, build_cpu_seconds=0)


def test_the_front_by_hand():
    trials = [trial(0.9, 1, 50), trial(0.95, 2, 50), trial(0.95, 3, 50), trial(0.95, 3, 40), trial(0.9, 1, 50), trial(0.8, 2, 60)]
    assert [one.front for one in mark_front(trials)] == [True, True, False, True, True, False]


def test_it_chooses_what_finds_most_within_the_caps(data):
    vectors, queries = data
    found = tune(vectors, queries, builds(*vectors.shape, ["fp16", "sq8", "ivf_sq8", "ivf_pq"], 0), Caps(bytes_product=50), k=10)
    chosen = found.trials[found.selected]
    assert chosen.bytes_product <= 50
    assert chosen.recall == max(one.recall for one in found.trials if one.bytes_product <= 50)
    # 32 bytes of float16 numbers find all; whole float32 vectors beside the codes would be over the cap.
    assert chosen.recall > 0.99
    assert any(not one.within for one in found.trials)
    assert all(one.within == (one.bytes_product <= 50) for one in found.trials)
    assert {one.settings.full for one in found.trials if one.settings.kind == "ivf_pq"} == {"float32", "float16", "int8", "none"}
    kinds = [one.faiss for one in found.trials]
    assert kinds == sorted(kinds, key=kinds.index), "trials of one index stand together"


def test_what_cannot_fit_is_not_made(data):
    vectors, queries = data
    wanted = builds(*vectors.shape, ["fp16", "sq8", "ivf_flat", "hnsw"], 0)
    found = tune(vectors, queries, wanted, Caps(bytes_product=33), k=10)
    assert found.left_out == ("IVF38,Flat", "HNSW32")
    assert {one.faiss for one in found.trials} == {"SQfp16", "SQ8"}


@pytest.mark.parametrize("kind", ["fp16", "sq8", "ivf_flat", "ivf_sq8", "hnsw", "ivf_pq", "ivf_hnsw_pq"])
def test_codes_are_never_smaller_than_they_are_said_to_be(data, kind):
    settings = IndexSettings(kind=kind).resolve(*data[0].shape)
    index = ApproximateIndex.build(data[0], settings)
    assert 0.5 * index.bytes_in_memory < settings.code_bytes(16) * len(data[0]) <= index.bytes_in_memory


def test_whole_vectors_lie_on_disk_where_memory_has_no_room_for_them(data):
    vectors, queries = data
    wanted = builds(*vectors.shape, ["ivf_pq"], 0)
    roomy, tight = (tune(vectors, queries, wanted, Caps(bytes_product=most), k=10) for most in (500, 60))
    assert {one.settings.full_in for one in roomy.trials} == {"memory"}
    mapped = [one for one in tight.trials if one.settings.full_in == "disk"]
    kept = {(one.settings.description(), one.settings.nprobe, one.settings.candidates): one for one in tight.trials if not one.within}
    assert mapped
    for one in mapped:
        assert one.within
        twin = kept[one.settings.description(), one.settings.nprobe, one.settings.candidates]
        assert (one.recall, one.bytes_product) == (twin.recall, pytest.approx(twin.bytes_product - 64))
    assert tight.trials[tight.selected].recall == roomy.trials[roomy.selected].recall


def test_recall_grows_along_a_ladder_and_the_ladder_ends(data):
    vectors, queries = data
    found = tune(vectors, queries, builds(*vectors.shape, ["ivf_flat"], 0), Caps(), k=10)
    ladder = found.trials[1:]  # The first is what the settings say.
    recall = [one.recall for one in ladder]
    assert recall == sorted(recall)
    assert [one.settings.nprobe for one in ladder] == sorted(one.settings.nprobe for one in ladder)
    assert found.trials[found.selected].recall >= max(recall) - 1e-4


def test_the_same_seed_tries_the_same_ways_with_the_same_recall(data):
    vectors, queries = data
    wanted = builds(*vectors.shape, ["ivf_pq"], 1)
    first, again = (
        [(one.settings, one.recall, one.bytes_product) for one in tune(vectors, queries, wanted, Caps(), k=10).trials] for _ in range(2)
    )
    assert first == again


def test_caps_that_nothing_keeps_and_no_queries(data):
    vectors, queries = data
    wanted = builds(*vectors.shape, ["fp16"], 0)
    with pytest.raises(
        RequestError, match=r"none of 1 trials keeps at most 5 bytes a product; the nearest, SQfp16 .* 32 bytes; allow more"
    ):
        tune(vectors, queries, wanted, Caps(bytes_product=5), k=10)
    with pytest.raises(RequestError, match="there is no query to tune an index with"):
        tune(vectors, queries[:0], wanted, Caps(), k=10)


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
