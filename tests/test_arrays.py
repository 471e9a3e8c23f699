"""Arrays in files take their room on the disk at once, damage is told in a sentence, and distinct values are those of NumPy."""

from __future__ import annotations

import ast
import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gnn_search
from gnn_search.arrays import mapped_array, open_array, sorted_unique
from gnn_search.errors import ArtefactError


def test_what_is_written_can_be_read(tmp_path):
    values = mapped_array(tmp_path / "a.npy", np.float32, (300, 7))
    values[:] = np.arange(2100).reshape(300, 7)
    values.flush()
    assert np.array_equal(np.load(tmp_path / "a.npy"), np.arange(2100, dtype=np.float32).reshape(300, 7))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system can't take room on a disk before it is written to")
def test_its_room_is_taken_before_anything_is_written(tmp_path):
    mapped_array(tmp_path / "a.npy", np.float64, (100_000, 10))
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 8_000_000


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(file, start, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.npy'"):
        mapped_array(tmp_path / "a.npy", np.float32, (300, 7))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["r", "c", None])
def test_what_is_saved_is_opened(tmp_path, mode):
    np.save(tmp_path / "a.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    for shape in ((2, 3), (None, 3), (None, None)):
        found = open_array(tmp_path / "a.npy", "make it again", np.float32, shape, mode)
        assert found.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert isinstance(found, np.memmap) == (mode is not None)


def rewritten(change):
    return lambda file: file.write_bytes(change(file.read_bytes()))


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda file: file.unlink(), "the file is missing"),
        (rewritten(lambda content: b""), ".*"),
        (rewritten(lambda content: content[:-3]), ".*"),
        (rewritten(lambda content: bytes(len(content))), ".*"),
        (rewritten(lambda content: content.replace(b"(2, 3)", b"(2, 3 ")), ".*"),
        (rewritten(lambda content: content.replace(b"{'descr'", b"{{descr'")), ".*"),
        (rewritten(lambda content: content.replace(b"'<f4'", b"'|O '")), ".*"),
        (lambda file: np.save(file, np.zeros((2, 3))), r"expected float32 \[:, 3\], got float64 \[2, 3\]"),
        (lambda file: np.save(file, np.zeros(3, np.float32)), r"expected float32 \[:, 3\], got float32 \[3\]"),
        (lambda file: np.save(file, np.zeros((2, 4), np.float32)), r"expected float32 \[:, 3\], got float32 \[2, 4\]"),
        (
            lambda file: (np.savez(file.with_suffix(".npz"), a=np.zeros(3)), file.with_suffix(".npz").replace(file)),
            "expected an array, got an archive",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["r", None])
@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing:UserWarning")
def test_a_damaged_file_is_told_in_a_sentence(tmp_path, damage, fault, mode):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    damage(tmp_path / "a.npy")
    with pytest.raises(ArtefactError, match=rf"a\.npy is damaged \({fault}\); make it again$"):
        open_array(tmp_path / "a.npy", "make it again", np.float32, (None, 3), mode)


@given(st.lists(st.integers(-5, 5)), st.sampled_from([np.int32, np.int64, np.float32]))
def test_distinct_values_are_those_of_numpy(values, dtype):
    array = np.array(values, dtype=dtype)
    found, expected = sorted_unique(array), np.unique(array)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype


def test_distinct_values_of_a_table_and_of_text():
    assert sorted_unique(np.array([[3, 1], [1, 2]])).tolist() == [1, 2, 3]
    assert sorted_unique(np.array(["b", "a", "b"])).tolist() == ["a", "b"]


def bare_unique(source: str) -> list[int]:
    """Return the lines with a call of `np.unique` that would hash: one without an axis and without a `return_` flag."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.unique"]
    sorts = ("return_", "axis")
    return [call.lineno for call in calls if not any(given.arg and given.arg.startswith(sorts) for given in call.keywords)]


def test_bare_calls_are_found():
    assert bare_unique("np.unique(a)\nnp.unique(a, return_index=True)\nf(np.unique(b))\nnp.unique(a, axis=0)") == [1, 3]


def test_no_array_is_made_distinct_by_hashing():
    package = Path(gnn_search.__file__).parent
    found = {str(file.relative_to(package)): bare_unique(file.read_text(encoding="utf-8")) for file in sorted(package.rglob("*.py"))}
    assert {name: lines for name, lines in found.items() if lines} == {}, "use gnn_search.arrays.sorted_unique, which sorts"
