"""Faults of artefact folders are told in a sentence that names the folder, the fault and what to do."""

from __future__ import annotations

import polars as pl
import pytest

from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.layout import hash_files, write_json
from gnn_search.manifest import Artefact, hash_manifest

ARTEFACT = Artefact("index", "make the index again", "gnn-search index")


class About(StrictModel):
    format_version: int
    name: str
    hash: str = ""


class Plain(StrictModel):
    name: str


@pytest.fixture
def folder(tmp_path):
    write_json(tmp_path / "about.json", {"format_version": 3, "name": "a"})
    (tmp_path / "data").write_bytes(b"abc")
    return tmp_path


def test_a_manifest_is_read(folder):
    assert ARTEFACT.read_manifest(folder / "about.json", About) == About(format_version=3, name="a")


def test_a_file_without_a_version_may_have_any(folder):
    write_json(folder / "plain.json", {"name": "a"})
    assert ARTEFACT.read_manifest(folder / "plain.json", Plain).name == "a"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", r"about\.json is damaged \(Expecting .*\); make the index again"),
        ("[]", r"about\.json is damaged \(expected a JSON object, got list\); make the index again"),
        ('{"format_version": 1, "name": "a"}', r"about\.json is of format version 1, this program reads 3; make the index again"),
        ('{"name": "a"}', "is of format version None, this program reads 3"),
        ('{"format_version": 3}', r"about\.json is damaged \('name': Field required\); make the index again"),
    ],
)
def test_a_manifest_that_cannot_be_read(folder, content, fault):
    (folder / "about.json").write_text(content)
    with pytest.raises(ArtefactError, match=fault):
        ARTEFACT.read_manifest(folder / "about.json", About)


def test_what_is_absent_is_named_with_its_article(folder):
    with pytest.raises(ArtefactError, match=r"there is no index folder .*gone; make one with 'gnn-search index'"):
        ARTEFACT.read_manifest(folder / "gone" / "about.json", About)
    with pytest.raises(ArtefactError, match=r"is not an index folder: other\.json is missing"):
        ARTEFACT.read_manifest(folder / "other.json", About)


def test_sizes(folder):
    ARTEFACT.check_sizes(folder, {"data": 3})
    with pytest.raises(ArtefactError, match=r"the index .* is damaged: data has 3 bytes, expected 1,000; make the index again"):
        ARTEFACT.check_sizes(folder, {"data": 1000})
    with pytest.raises(ArtefactError, match=r"is damaged: other is missing; make the index again"):
        ARTEFACT.check_sizes(folder, {"data": 3, "other": 1})


def test_hashes_of_files_and_of_the_manifest(folder):
    about, files = About(format_version=3, name="a"), [folder / "data"]
    ARTEFACT.check_hash(folder, ["data"], hash_files(files))
    expected = hash_manifest(about, files)
    assert expected == hash_manifest(about.model_copy(update={"hash": "x"}), files) != hash_files(files)
    ARTEFACT.check_hash(folder, ["data"], expected, about)
    for changed in (about.model_copy(update={"name": "b"}), None):
        with pytest.raises(ArtefactError, match="its files differ from those that were written; make the index again"):
            ARTEFACT.check_hash(folder, ["data"], expected, changed)
    with pytest.raises(ArtefactError, match="is damaged: other is missing"):
        ARTEFACT.check_hash(folder, ["other"], expected)


def test_tables(folder):
    pl.DataFrame({"a": [1]}).write_parquet(folder / "a.parquet")
    assert ARTEFACT.read_table(folder, folder / "a.parquet")["a"].to_list() == [1]
    (folder / "a.parquet").write_bytes(b"PAR1")
    for name in ("a.parquet", "b.parquet"):
        with pytest.raises(ArtefactError, match=rf"the index .* is damaged: {name} can't be read \(.*\); make the index again") as caught:
            ARTEFACT.read_table(folder, folder / name)
        assert "\n" not in str(caught.value)
