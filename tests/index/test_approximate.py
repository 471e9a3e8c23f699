"""Approximate indices find nearly what exact search finds, filtered or not, and keep what they are told."""

from __future__ import annotations

# isort: off
import torch  # noqa: F401
import faiss

# isort: on
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_vectors import clustered, plain, recall

from gnn_search.errors import ArtefactError, RequestError
from gnn_search.index.approximate import ApproximateIndex, make_faiss_index
from gnn_search.index.flat import FlatIndex
from gnn_search.index.full_vectors import FullVectors
from gnn_search.index.settings import INDEX_KINDS, IndexSettings
from gnn_search.index.store import open_flat_index, open_index, save_index

ROWS, DIMENSION, K = 6000, 16, 20
VECTORS, QUERIES = clustered(ROWS, DIMENSION), clustered(40, DIMENSION, seed=1)
KIND = [kind for kind in INDEX_KINDS if kind not in {"flat", "factory"}]
IDS = pl.Series("product_id", [f"p{row}" for row in range(ROWS)])


def build(kind: str, **changes: object) -> ApproximateIndex:
    given = {"factory": "IVF32,SQ8", "kind": kind} if kind == "factory" else {"kind": kind}
    return ApproximateIndex.build(VECTORS, IndexSettings.model_validate({**given, **changes}), IDS)


@pytest.fixture(scope="module")
def indices():
    """One index a kind, not to be changed."""
    return {kind: build(kind) for kind in [*KIND, "factory"]}


@pytest.mark.parametrize("kind", [*KIND, "factory"])
def test_finds_what_exact_search_finds(indices, kind):
    score, row = indices[kind].search(QUERIES, K)
    assert (score.dtype, row.dtype) == (np.float32, np.int32)
    assert recall(row, plain(VECTORS, QUERIES, K)[1]) >= 0.96
    assert np.all(np.diff(score, axis=1) <= 0)
    np.testing.assert_allclose(score, np.einsum("md,mkd->mk", QUERIES, VECTORS[row]), atol=0.02)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.2, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("kind", KIND)
def test_a_filter_keeps_recall_and_lets_nothing_else_through(kind, share):
    # Vectors enough that only a small share of them is searched exactly.
    vectors = clustered(20_000, DIMENSION)
    index = filtered_index(kind, vectors)
    allowed = np.random.default_rng(3).random(len(vectors)) < share
    row = index.search(QUERIES, K, allowed)[1]
    assert allowed[row[row >= 0]].all()
    assert recall(row, plain(vectors, QUERIES, K, np.flatnonzero(allowed))[1]) >= 0.96


_BUILT: dict[str, ApproximateIndex] = {}


def filtered_index(kind: str, vectors: np.ndarray) -> ApproximateIndex:
    if kind not in _BUILT:
        _BUILT[kind] = ApproximateIndex.build(vectors, IndexSettings(kind=kind, pq_m=16))
    return _BUILT[kind]


@pytest.mark.parametrize("kind", ["ivf_pq", "hnsw"])
def test_a_filter_of_one_far_cluster_keeps_recall(kind):
    """What passes lies where the query would not look."""
    vectors = clustered(20_000, DIMENSION)
    opposite = QUERIES[np.argmin(QUERIES @ QUERIES[0])]
    far = np.argsort(-(vectors @ opposite))[:6000]
    row = filtered_index(kind, vectors).search(QUERIES[:1], K, far)[1]
    assert recall(row, plain(vectors, QUERIES[:1], K, np.sort(far))[1]) >= 0.9


@pytest.mark.parametrize("kind", KIND)
def test_lists_are_as_long_as_few_allowed_rows(indices, kind):
    row = indices[kind].search(QUERIES, K, np.array([7, 3, 5000, 3]))[1]
    assert row.shape == (len(QUERIES), 3)
    assert all(set(one) == {3, 7, 5000} for one in row.tolist())


@pytest.mark.parametrize("kind", KIND)
def test_nothing_allowed_finds_nothing(indices, kind):
    for nothing in (np.zeros(ROWS, dtype=bool), np.empty(0, dtype=np.int32)):
        score, row = indices[kind].search(QUERIES, K, nothing)
        assert (score.shape, row.shape) == ((len(QUERIES), 0), (len(QUERIES), 0))


@pytest.mark.parametrize("kind", ["flat", "ivf_flat", "ivf_pq"])
def test_removed_products_leave_places_empty_where_they_are_allowed(kind):
    index = FlatIndex.build(VECTORS, IDS) if kind == "flat" else build(kind)
    index.remove(IDS[[3, 8]])
    score, row = index.search(QUERIES, K, np.array([7, 3, 5000]))
    assert row.shape == (len(QUERIES), 3)
    assert all(set(one) == {7, 5000, -1} for one in row.tolist())
    assert np.isneginf(score[row == -1]).all()
    assert (index.search(QUERIES, K, np.array([3, 8]))[1] == -1).all()


@pytest.mark.parametrize("kind", KIND)
def test_a_zero_query_gets_the_first_products_with_score_zero(indices, kind):
    score, row = indices[kind].search(np.zeros((2, DIMENSION), np.float32), 4)
    assert row.tolist() == [[0, 1, 2, 3]] * 2
    assert not score.any()


def test_re_ranked_scores_are_exact_and_ties_stand_by_row():
    vectors = np.repeat(clustered(500, DIMENSION), 4, axis=0)
    index = ApproximateIndex.build(vectors, IndexSettings(kind="ivf_pq", nprobe=12))
    score, row = index.search(QUERIES, 20)
    expected_score, expected_row = plain(vectors, QUERIES, 20)
    assert np.array_equal(score, expected_score)
    assert np.array_equal(row, expected_row)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(16, 400), st.data())
def test_looking_everywhere_is_exact_search(seed, rows, data):
    random = np.random.default_rng(seed)
    vectors = clustered(rows, 8, clusters=3, seed=seed)[random.integers(0, rows, rows)]
    queries = clustered(5, 8, clusters=3, seed=seed + 1)
    k = data.draw(st.integers(1, rows))
    index = ApproximateIndex.build(vectors, IndexSettings(kind="ivf_pq", nprobe=10_000, candidates=rows))
    allowed = random.random(rows) < data.draw(st.sampled_from([0.1, 0.6, 1.0]))
    for given_rows, expected in ((None, plain(vectors, queries, k)), (allowed, plain(vectors, queries, k, np.flatnonzero(allowed)))):
        for found, wanted in zip(index.search(queries, k, given_rows), expected, strict=True):
            width = k if given_rows is None else min(k, allowed.sum())
            assert np.array_equal(found, wanted[:, :width])


@pytest.mark.parametrize(("precision", "error"), [("float32", 2e-7), ("float16", 1e-3), ("int8", 1e-2)])
def test_re_ranked_by_vectors_of_less_precision(precision, error):
    index = build("ivf_pq", full=precision)
    score, row = index.search(QUERIES, K)
    np.testing.assert_allclose(score, np.einsum("md,mkd->mk", QUERIES, VECTORS[row]), rtol=0, atol=error)
    assert recall(row, plain(VECTORS, QUERIES, K)[1]) >= 0.94


def test_re_ranking_earns_its_place():
    exact = plain(VECTORS, QUERIES, K)[1]
    alone, ranked = (recall(build("ivf_pq", full=full, pq_m=4).search(QUERIES, K)[1], exact) for full in ("none", "float32"))
    assert alone < ranked - 0.1


@pytest.mark.parametrize("kind", ["flat", *KIND, "factory"])
def test_add_and_remove_without_a_rebuild(kind, tmp_path):
    flat = kind == "flat"
    index = FlatIndex.build(VECTORS[:5000], IDS[:5000]) if flat else ApproximateIndex.build(
        VECTORS[:5000], IndexSettings.model_validate({"kind": kind, "factory": "IVF32,SQ8" if kind == "factory" else None}), IDS[:5000]
    )  # fmt: skip
    gone = np.random.default_rng(5).permutation(5000)[:1500]
    index.remove(IDS.gather(gone))
    index.add(IDS[5000:5600], VECTORS[5000:5600])
    index.remove(IDS[5000:5010])
    index.add(IDS[5600:], VECTORS[5600:])
    there = np.setdiff1d(np.arange(ROWS), [*gone, *range(5000, 5010)])
    assert index.count == len(there)
    save_index(index, tmp_path / "index")
    for one in (index, open_index(tmp_path / "index")):
        assert one.ids is not None
        assert one.ids.gather(there).to_list() == IDS.gather(there).to_list()
        assert one.ids.null_count() == ROWS - len(there)
        row = one.search(QUERIES, K)[1]
        assert np.isin(row, there).all()
        assert recall(row, plain(VECTORS, QUERIES, K, there)[1]) >= (1 if flat else 0.95)
        allowed = np.random.default_rng(6).random(ROWS) < 0.5
        row = one.search(QUERIES, K, allowed)[1]
        assert np.isin(row, np.intersect1d(there, np.flatnonzero(allowed))).all()


def test_a_product_may_come_back(indices):
    index = build("ivf_pq", pq_m=16)
    index.remove(IDS[:3])
    index.add(IDS[:3], VECTORS[:3])
    row = index.search(VECTORS[:3], 1)[1]
    assert row.ravel().tolist() == [ROWS, ROWS + 1, ROWS + 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index.add(IDS[:2], VECTORS[:2]), "2 of 2 products are in the index already, such as 'p0', 'p1'; remove them first"),
        (lambda index: index.add(pl.Series(["x", None]), VECTORS[:2]), "1 of the new ids are null"),
        (lambda index: index.add(pl.Series(["x", "x"]), VECTORS[:2]), "'x' stands more than once among the ids"),
        (lambda index: index.add(pl.Series(["x"]), VECTORS[:2]), r"expected 1 vectors of 16 numbers, one for each id, got .* \(2, 16\)"),
        (lambda index: index.remove(pl.Series(["p1", "nobody"])), "1 of 2 products are not in the index, such as 'nobody'"),
        (lambda index: index.search(QUERIES, K, np.array([ROWS])), "row 6000 is allowed, but the index has the rows 0 to 5999"),
        (lambda index: index.search(QUERIES, K, np.ones(5, bool)), "expected a mask of 6000 rows"),
        (lambda index: index.search(QUERIES, ROWS + 1), "k is 6001, larger than the catalogue of 6000 products"),
        (lambda index: index.search(QUERIES, 0), "k is 0"),
        (lambda index: index.search(QUERIES, 0, np.array([3])), "k is 0"),
    ],
)
@pytest.mark.parametrize("kind", ["flat", "ivf_pq"])
def test_what_cannot_be_is_told_in_a_sentence(indices, kind, change, message):
    index = FlatIndex.build(VECTORS, IDS) if kind == "flat" else indices[kind]
    with pytest.raises(RequestError, match=message):
        change(index)
    assert index.count == ROWS


def test_without_ids_nothing_can_be_removed():
    with pytest.raises(RequestError, match="made without the shop's ids"):
        FlatIndex.build(VECTORS).remove(IDS[:1])


def test_a_factory_that_cannot_filter_says_so():
    index = ApproximateIndex.build(VECTORS, IndexSettings(kind="factory", factory="PQ8x4fs"))
    with pytest.raises(RequestError, match="FAISS can't skip products in an index PQ8x4fs; keep whole vectors beside it"):
        index.search(QUERIES, K, np.arange(100))
    whole = ApproximateIndex.build(VECTORS, IndexSettings(kind="factory", factory="PQ8x4fs", full="float32"))
    assert np.array_equal(whole.search(QUERIES, K, np.arange(100))[1], plain(VECTORS, QUERIES, K, np.arange(100))[1])


@pytest.mark.parametrize("factory", ["PCA8,IVF16,SQ8", "IVF16,Flat,RFlat", "HNSW16_SQ8"])
def test_factories_that_wrap_others_are_searched_and_filtered(factory):
    index = ApproximateIndex.build(VECTORS, IndexSettings(kind="factory", factory=factory, nprobe=8, full="float32", candidates=20))
    assert recall(index.search(QUERIES, K)[1], plain(VECTORS, QUERIES, K)[1]) >= 0.9
    allowed = np.arange(0, ROWS, 2)
    row = index.search(QUERIES, K, allowed)[1]
    assert np.isin(row[row >= 0], allowed).all()
    assert recall(row, plain(VECTORS, QUERIES, K, allowed)[1]) >= 0.9


@pytest.mark.parametrize("factory", ["nonsense", "IVF9999,Flat", "IDMap,Flat"])
def test_factories_that_faiss_cannot_make(factory):
    with pytest.raises(RequestError, match=f"FAISS (knows no|can't make the) index '?{factory}"):
        ApproximateIndex.build(VECTORS, IndexSettings(kind="factory", factory=factory))


@pytest.mark.parametrize("full_in", ["memory", "disk"])
@pytest.mark.parametrize("kind", [*KIND, "factory"])
def test_saved_and_opened(kind, full_in, tmp_path):
    given = {"full": "int8", "full_in": full_in} if "pq" in kind else {}
    index = build(kind, **given)
    save_index(index, tmp_path / "index", extra={"model_hash": "abc"})
    opened = open_index(tmp_path / "index")
    assert isinstance(opened, ApproximateIndex)
    assert opened.settings == index.settings
    if "pq" in kind:
        assert opened.full is not None
        mapped = isinstance(opened.full.values.base, np.memmap) or isinstance(opened.full.values, np.memmap)
        assert mapped == (full_in == "disk")
    for found, expected in zip(opened.search(QUERIES, K), index.search(QUERIES, K), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("kind", [kind for kind in KIND if "hnsw" not in kind])
def test_the_same_seed_makes_the_same_bytes(kind, tmp_path):
    for name in ("a", "b"):
        save_index(build(kind), tmp_path / name)
    names = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


@pytest.mark.parametrize("kind", [kind for kind in KIND if kind != "hnsw"])
def test_blocks_of_any_size_make_the_same_index(kind):
    wanted = IndexSettings(kind=kind).resolve(ROWS, DIMENSION)
    once, in_blocks = (faiss.serialize_index(make_faiss_index(VECTORS, wanted, block=block)) for block in (ROWS, 701))
    assert np.array_equal(once, in_blocks)
    once, in_blocks = (FullVectors.encode(VECTORS, "int8", block=block) for block in (ROWS, 99))
    assert np.array_equal(once.values, in_blocks.values)
    assert np.array_equal(once.scale, in_blocks.scale)


def test_lists_are_learned_from_a_sample_of_many_products():
    wanted = IndexSettings(kind="ivf_pq").resolve(ROWS, DIMENSION)
    sampled = make_faiss_index(VECTORS, wanted, fewest_rows=1000, rows_a_list=10)
    assert not np.array_equal(faiss.serialize_index(sampled), faiss.serialize_index(make_faiss_index(VECTORS, wanted)))
    row = ApproximateIndex(sampled, wanted, FullVectors.encode(VECTORS, "float32")).search(QUERIES, K)[1]
    assert recall(row, plain(VECTORS, QUERIES, K)[1]) >= 0.94


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize("name", ["index.faiss", "ids.parquet", "full.npy", "full_scale.npy"])
@pytest.mark.parametrize("damage", [cut, lambda path: path.unlink()])
def test_damaged(tmp_path, name, damage):
    save_index(build("ivf_pq", full="int8", full_in="disk"), tmp_path / "index")
    damage(tmp_path / "index" / name)
    with pytest.raises(ArtefactError, match=f"is damaged: (its files differ|{name} is missing).*make the index again"):
        open_index(tmp_path / "index")


def test_a_flat_reader_refuses_another_kind(tmp_path):
    save_index(build("sq8"), tmp_path / "index")
    with pytest.raises(ArtefactError, match="is of kind sq8, expected a flat one"):
        open_flat_index(tmp_path / "index")


def test_lists_are_whole_where_the_lists_looked_into_hold_too_few():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for kind in ("ivf_flat", "ivf_pq"):
        index = ApproximateIndex.build(vectors, IndexSettings(kind=kind, nlist=100, nprobe=1))
        score, row = index.search(vectors[:50], 60)
        assert (row >= 0).all()
        assert (np.diff(score, axis=1) <= 0).all()
