"""Whole vectors come back as precisely as they are kept, from memory, from a file, and after others were added."""

from __future__ import annotations

import numpy as np
import pytest
from index_vectors import clustered

from gnn_search.errors import ArtefactError
from gnn_search.index.full_vectors import FullVectors

VECTORS = clustered(300, 12)
VECTORS[7] = 0
ERROR = {"float32": 0, "float16": 1e-3, "int8": 1 / 254}
BYTES = {"float32": 48, "float16": 24, "int8": 16}


@pytest.mark.parametrize("precision", ERROR)
@pytest.mark.parametrize("mapped", [False, True])
def test_round_trip(tmp_path, precision, mapped):
    full = FullVectors.encode(VECTORS, precision, tmp_path / "made.npy" if mapped else None)
    assert (len(full), full.precision, full.bytes_each) == (300, precision, BYTES[precision])
    full.write(tmp_path / "full.npy", tmp_path / "scale.npy")
    again = FullVectors.open(tmp_path / "full.npy", tmp_path / "scale.npy", (300, 12), precision, "make it again", mapped=mapped)
    rows = np.array([[3, 7], [299, 0]])
    for one in (full, again):
        found = one.gather(rows)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, VECTORS[rows], rtol=0, atol=ERROR[precision])
        assert not found[0, 1].any()


def test_eight_bits_by_hand():
    full = FullVectors.encode(np.array([[0.5, -0.25, 0.1]], np.float32), "int8")
    assert full.values.tolist() == [[127, -64, 25]]
    assert full.scale == pytest.approx([0.5 / 127])


@pytest.mark.parametrize("precision", ERROR)
def test_further_vectors_stand_behind(tmp_path, precision):
    whole = FullVectors.encode(VECTORS, precision)
    grown = FullVectors.encode(VECTORS[:100], precision).extend(VECTORS[100:150]).extend(VECTORS[150:])
    rows = np.random.default_rng(0).integers(0, 300, (20, 5))
    assert len(grown) == 300
    assert np.array_equal(grown.gather(rows), whole.gather(rows))
    for name, one in (("a", whole), ("b", grown)):
        one.write(tmp_path / f"{name}.npy", tmp_path / f"{name}_scale.npy")
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_a_file_of_another_shape(tmp_path):
    FullVectors.encode(VECTORS, "float16").write(tmp_path / "full.npy", tmp_path / "scale.npy")
    with pytest.raises(
        ArtefactError, match=r"full.npy is damaged \(expected float32 \[300, 12\], got float16 \[300, 12\]\); make the index again"
    ):
        FullVectors.open(tmp_path / "full.npy", tmp_path / "scale.npy", (300, 12), "float32", "make the index again", mapped=False)
