"""Defaults follow from the number of products, and what can't be is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gnn_search.errors import RequestError
from gnn_search.index.settings import IndexSettings


@pytest.mark.parametrize(
    ("count", "nlist", "nprobe"), [(20, 1, 1), (400, 10, 10), (67_974, 1040, 128), (1_000_000, 4000, 252), (10_000_000, 12_648, 448)]
)
def test_lists_grow_with_the_root_of_the_products(count, nlist, nprobe):
    settings = IndexSettings().resolve(count, 128)
    assert (settings.nlist, settings.nprobe, settings.pq_m, settings.full) == (nlist, nprobe, 64, "float32")
    assert settings.description() == f"IVF{nlist},PQ64x4fs"


@pytest.mark.parametrize(("dimension", "pq_m"), [(1, 1), (2, 1), (16, 8), (30, 15), (99, 33), (13, 1)])
def test_parts_divide_the_dimension(dimension, pq_m):
    assert IndexSettings().resolve(1000, dimension).pq_m == pq_m


def test_what_is_given_stays():
    settings = IndexSettings(nlist=7, nprobe=3, pq_m=4, full="none").resolve(1000, 16)
    assert (settings.nlist, settings.nprobe, settings.pq_m, settings.full) == (7, 3, 4, "none")
    assert settings.resolve(1000, 16) == settings


@pytest.mark.parametrize(
    ("given", "count", "message"),
    [
        ({}, 0, "there is no product to index"),
        ({}, 15, "15 products are too few for an index of kind ivf_pq, at least 16 are; use flat"),
        ({"pq_m": 5}, 100, "vectors of 16 numbers can't be cut into 5 equal parts"),
        ({"nlist": 101}, 100, "nlist is 101, more than the 100 products"),
    ],
)
def test_what_cannot_be(given, count, message):
    with pytest.raises(RequestError, match=message):
        IndexSettings.model_validate(given).resolve(count, 16)


@pytest.mark.parametrize("given", [{"kind": "factory"}, {"factory": "Flat"}, {"kind": "tree"}, {"nlist": 0}, {"colour": 1}])
def test_bad_settings(given):
    with pytest.raises(ValidationError):
        IndexSettings.model_validate(given)
