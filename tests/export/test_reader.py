"""An export is opened only when it is whole."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from gnn_search.errors import ArtefactError, RequestError
from gnn_search.export.reader import open_export
from gnn_search.layout import read_json, write_json


@pytest.fixture
def folder(everything, tmp_path):
    return shutil.copytree(everything, tmp_path / "export")


def change(name, **entries):
    def damage(folder):
        write_json(folder / name, {**read_json(folder / name, "an export"), **entries})

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "there is no export folder .*; make one with 'gnn-search export'"),
        (lambda folder: (folder / "manifest.json").unlink(), "is not an export folder: manifest.json is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json is damaged"),
        (change("manifest.json", format_version=99), "is of format version 99, this program reads 3; export the model again"),
        (change("manifest.json", colour="red"), r"manifest.json is damaged \('colour': Extra inputs"),
        (lambda folder: (folder / "npy" / "user-00000.npy").unlink(), "is damaged: npy/user-00000.npy is missing; export the model again"),
        (lambda folder: (folder / "vespa" / "product-00000.jsonl").write_text("x"), "vespa/product-00000.jsonl has 1 bytes, expected"),
    ],
)
def test_damaged(folder, damage, message):
    damage(folder)
    with pytest.raises(ArtefactError, match=message):
        open_export(folder)


@pytest.mark.parametrize("form", ["parquet", "npy", "safetensors"])
@pytest.mark.parametrize("beside", [False, True])
def test_changed_bytes_are_found_when_they_are_read(folder, form, beside):
    name = f"{form}/user-00000.{'ids.parquet' if beside and form != 'parquet' else form}"
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    export = open_export(folder)
    export.read("product", form)
    for read in (lambda: export.read("user", form), export.verify):
        with pytest.raises(ArtefactError, match=f"is damaged: {name} differs from what was written; export the model again"):
            read()


def test_what_is_not_there(folder, awkward):
    export = open_export(folder)
    export.verify()
    with pytest.raises(RequestError, match="has no table 'request'; it has category, product, query, user"):
        export.read("request")
    with pytest.raises(RequestError, match="has not the format vespa; it has parquet, npy"):
        export.read("product", "vespa")
    small = open_export(awkward.export(formats=("vespa",)))
    with pytest.raises(RequestError, match="has no format that can be read back; it has vespa"):
        small.read("product")
    with pytest.raises(RequestError, match="has no FAISS index; export with --format faiss"):
        small.index()


def test_parts_come_in_order(awkward):
    export = open_export(awkward.export(formats=("parquet",), shard_bytes=64))
    parts = list(export.parts("product"))
    assert len(parts) == 12
    assert np.array_equal(np.concatenate([vectors for _, vectors in parts]), awkward.shop.vectors["product"])
