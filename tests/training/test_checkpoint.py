"""Checkpoints: whole or not there, the newest counts, damage is named."""

from __future__ import annotations

import pytest
import torch

from gnn_search.errors import ArtefactError
from gnn_search.training import checkpoint
from gnn_search.training.checkpoint import Checkpoint, TrainingProgress, load_checkpoint, save_checkpoint

MODEL = {"weight": torch.arange(6.0).view(2, 3), "turned": torch.arange(6.0).view(2, 3).T}
LISTS = {"step 6": torch.arange(4, dtype=torch.int32).view(2, 2)}
OPTIMISERS = {"0.0.step": torch.tensor(3.0), "1.0.step": torch.tensor(3)}


def save(folder, step: int, value: float = 0.0) -> None:
    progress = TrainingProgress(step=step, seconds=1.5, identity={"graph": "x"})
    save_checkpoint(folder, Checkpoint(progress, MODEL, OPTIMISERS, {"best": torch.tensor([value])}, LISTS))


def test_there_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "nowhere") is None
    assert load_checkpoint(tmp_path) is None


def test_what_is_saved_comes_back(tmp_path):
    save(tmp_path / "checkpoint", 7, 0.5)
    found = load_checkpoint(tmp_path / "checkpoint")
    assert found is not None
    assert found.progress == TrainingProgress(step=7, seconds=1.5, identity={"graph": "x"})
    best = {"best": torch.tensor([0.5])}
    for saved, loaded in ((MODEL, found.model), (OPTIMISERS, found.optimisers), (best, found.best), (LISTS, found.lists)):
        assert saved.keys() == loaded.keys()
        assert all(torch.equal(saved[name], loaded[name]) for name in saved)


def test_the_newest_stays_alone(tmp_path):
    for step in (9, 10, 100):
        save(tmp_path, step)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000100"]
    assert load_checkpoint(tmp_path).progress.step == 100


def test_what_a_killed_run_left_half_written_is_ignored_and_then_removed(tmp_path):
    save(tmp_path, 5)
    (tmp_path / ".step-00000009.partial-123").mkdir()
    assert load_checkpoint(tmp_path).progress.step == 5
    save(tmp_path, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000006"]


@pytest.mark.parametrize("file", ["model", "optimisers", "best", "lists"])
def test_a_failed_save_leaves_the_one_before(tmp_path, monkeypatch, file):
    save(tmp_path, 5)
    plain = checkpoint.save_file

    def full_disk(tensors, path) -> None:
        if path.stem == file:
            path.write_bytes(b"half")
            raise OSError("no space left")
        plain(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save(tmp_path, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005"]
    assert load_checkpoint(tmp_path).progress.step == 5


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.safetensors", b"\x00" * 4, r"the checkpoint .*step-00000005 is damaged: .*; remove it and train anew"),
        ("best.safetensors", None, r"the checkpoint .*step-00000005 is damaged: .*; remove it and train anew"),
        ("progress.json", None, r"is not a checkpoint folder: progress\.json is missing"),
        ("progress.json", b"{", r"progress\.json is damaged \(.*\); remove it and train anew"),
        ("progress.json", b'{"step": "far"}', r"progress\.json is damaged \('step': .*\); remove it and train anew"),
        ("progress.json", b'{"colour": 1}', r"progress\.json is damaged \('colour': .*\); remove it and train anew"),
    ],
)
def test_damage_is_named(tmp_path, file, content, message):
    save(tmp_path, 5)
    place = tmp_path / "step-00000005" / file
    place.unlink()
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(ArtefactError, match=message) as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)
