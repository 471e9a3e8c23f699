"""The map as SVG."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from gnn_search.errors import MissingExtraError
from gnn_search.report.figures import draw_map
from gnn_search.report.product_map import OTHERS, map_products


@pytest.fixture(scope="module")
def product_map(tiny_graph):
    vectors = np.random.default_rng(0).normal(size=(tiny_graph.num_nodes["product"], 8)).astype(np.float32)
    return map_products(tiny_graph.before(tiny_graph.manifest.test_start), vectors)


def test_every_product_and_group_is_drawn(product_map):
    pytest.importorskip("matplotlib", reason="drawing needs the extra 'report'")
    svg = draw_map(product_map, "a <b> & c")
    root = ElementTree.fromstring(svg)
    dots = list(root.iter("{http://www.w3.org/2000/svg}use"))
    assert len(dots) == len(product_map.points) + len(product_map.groups)
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert set(product_map.groups) <= set(texts)
    assert "#000000" not in svg
    assert all("currentColor" in text.get("style", "") for text in root.iter("{http://www.w3.org/2000/svg}text"))
    assert root.find("{http://www.w3.org/2000/svg}title").text == "a <b> & c"


def test_the_same_map_gives_the_same_bytes(product_map):
    pytest.importorskip("matplotlib", reason="drawing needs the extra 'report'")
    assert draw_map(product_map) == draw_map(product_map)


def test_names_that_look_like_markup(product_map):
    pytest.importorskip("matplotlib", reason="drawing needs the extra 'report'")
    names = {name: name if name == OTHERS else f"_a $x$ <{name}>" for name in product_map.groups}
    points = tuple(point.model_copy(update={"group": names[point.group]}) for point in product_map.points)
    changed = product_map.model_copy(update={"groups": tuple(names.values()), "points": points})
    root = ElementTree.fromstring(draw_map(changed))
    assert set(changed.groups) <= {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}


def test_without_matplotlib(product_map, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gnn-search\[report\]'"):
        draw_map(product_map)
