"""A shop whose texts are awkward for every format, exported in all of them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from models import write_model

from gnn_search.export.settings import FORMATS, ExportSettings
from gnn_search.export.write import export_model
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import encode_nodes

TITLES = (
    'a "quoted" title', "comma, and 'apostrophe'", "back\\slash \\N \\t", "line\nbreak and\ttab", "東京 crème 🍞 \ufdd0\ufffe\U0010ffff",
    "{brace} [bracket] <tag> &",
    "NULL", "%s $1 ; --", "plain bread", "bread, small", "tea 1", "tea 2",
)  # fmt: skip
BRANDS = ("acme", None, "", "Ünder", 'b"c', "a,b", None, "null", "acme", "acme", "x", "y")
PATHS = (
    ["food", "bakery"], ["food", "bakery"], ["food"], None, ["food", 'b"read'], ["home, garden"], ["home, garden", "pots"],
    ["food", "tea"], ["food", "bakery"], ["food", "bakery"], ["food", "tea"], ["food", "tea"],
)  # fmt: skip
ZERO = 5
"""The product whose vector has length 0."""


@pytest.fixture(scope="session")
def awkward(make_graph, tmp_path_factory) -> SimpleNamespace:
    """Return `model`, `shop`, and `export(**settings)`, which writes a folder and returns its path."""
    rows = [(f"p/{n} é", title, brand, path) for n, (title, brand, path) in enumerate(zip(TITLES, BRANDS, PATHS, strict=True))]
    events = [
        (f"u{n % 3}" if n % 4 else None, ("bread", "tea", "crème 東京")[n % 3], f"p/{n % 12} é", n % 28, "purchase", f"s{n}", "x")
        for n in range(60)
    ]
    graph = make_graph(rows, events)
    model = open_model(write_model(graph, tmp_path_factory.mktemp("awkward") / "model", vectors=False), graph.path)
    shop = encode_nodes(model, graph.manifest.test_start)
    products = np.array(shop.vectors["product"])
    products[ZERO] = 0
    shop = replace(shop, vectors={**shop.vectors, "product": products})

    def export(requests=None, **settings):
        out = tmp_path_factory.mktemp("export") / "export"
        export_model(model, shop, out, ExportSettings(**settings), requests=requests)
        return out

    return SimpleNamespace(model=model, shop=shop, export=export)


@pytest.fixture(scope="session")
def everything(awkward):
    """Return the export in all formats."""
    return awkward.export(formats=FORMATS)


@pytest.fixture(scope="session")
def tokens_export(awkward, tmp_path_factory):
    """Return the export of a text tower of tokens alone."""
    folder = tmp_path_factory.mktemp("tokens")
    model = open_model(write_model(awkward.model.graph, folder / "model", vectors=False, parts=("static",)), awkward.model.graph.path)
    export_model(model, encode_nodes(model, model.graph.manifest.test_start), folder / "export", ExportSettings(formats=("text_tower",)))
    return folder / "export"
