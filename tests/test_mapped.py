"""Arrays in files take their room on the disk at once, or say that there is none."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from gnn_search.mapped import mapped_array


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
