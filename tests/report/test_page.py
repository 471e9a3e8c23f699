"""The page as a file: whole in itself, and rightly built."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from gnn_search.report.render import render_report
from gnn_search.report.report import Report

_EMPTY = {"meta", "link", "br", "use", "path", "rect"}


class Outline(HTMLParser):
    """Gathers what the tests ask of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.tags.append((tag, told))
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))
        if "id" in told:
            self.ids.append(told["id"])
        self.links += [told[name] for name in ("href", "src", "xlink:href") if told.get(name)]

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def outline(html: str) -> Outline:
    parsed = Outline()
    parsed.feed(html)
    return parsed


@pytest.fixture(scope="module")
def parsed(page) -> Outline:
    return outline(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def report(page) -> Report:
    return Report.model_validate_json(page.with_suffix(".json").read_text(encoding="utf-8"))


def test_it_needs_nothing_but_itself(parsed):
    assert all(link.startswith(("#", "data:")) for link in parsed.links)
    assert not [attributes for attributes in parsed.all("script") + parsed.all("img") if "src" in attributes]


def test_ids_are_unique_and_links_lead_somewhere(parsed):
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert {link[1:] for link in parsed.links if link.startswith("#")} <= set(parsed.ids)


def test_headings_go_down_one_step_at_a_time(parsed):
    assert parsed.headings[0] == 1
    assert parsed.headings.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in zip(parsed.headings, parsed.headings[1:], strict=False))


def test_what_a_screen_reader_needs(parsed):
    assert parsed.all("html") == [{"lang": "en"}]
    assert all(head.get("scope") in ("col", "row") for head in parsed.all("th"))
    drawings = parsed.all("svg")
    assert len(drawings) == len(parsed.all("figure")) == len(parsed.all("figcaption")) == 7
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)
    assert len(parsed.all("caption")) == len(parsed.all("table"))


def test_every_section_is_there(parsed, report):
    wanted = {
        "verdict",
        "data",
        "audit",
        "methods",
        "runs",
        "slices",
        "curves",
        "training",
        "negatives",
        "speed",
        "map",
        "searches",
        "reproduce",
    }
    assert wanted <= set(parsed.ids)
    assert report.verdict.sentence in parsed.text
    assert report.comparison is not None
    assert all(one.query in parsed.text for one in report.searches)
    assert report.reproduction.hashes["model"] in parsed.text


def test_figures_of_the_page_stand_in_the_json(page, report):
    again = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert Report.model_validate(again) == report
    row = next(row for row in report.table.rows if row.role == "model")
    assert f">{100 * row.cells[0].mean:.1f}<" in page.read_text(encoding="utf-8")


def test_the_same_report_gives_the_same_bytes(page, report):
    assert render_report(report, "report.json") == page.read_text(encoding="utf-8")


def test_the_shops_own_text_is_no_markup(report):
    nasty = '<script>alert("x")</script> & "quoted" {{ 7 * 7 }}'
    searches = tuple(one.model_copy(update={"query": nasty}) for one in report.searches)
    groups = (nasty, *report.map.groups[1:])
    points = tuple(
        point.model_copy(update={"title": nasty, "group": nasty if point.group == report.map.groups[0] else point.group})
        for point in report.map.points
    )
    changed = report.model_copy(
        update={"searches": searches, "map": report.map.model_copy(update={"groups": groups, "points": points}), "run": nasty}
    )
    parsed = outline(render_report(changed, nasty))
    assert len(parsed.all("script")) == 1
    assert nasty in parsed.text


def test_a_model_without_a_record_of_its_training(report):
    exact = report.speed.model_copy(update={"indices": report.speed.indices[:1]})
    bare = report.model_copy(update={"training": None, "negatives": None, "comparison": None, "speed": exact})
    parsed = outline(render_report(bare, "report.json"))
    assert "The model folder keeps no record of its training." in parsed.text
    assert "The model folder keeps no study of its negatives." in parsed.text
    assert "approximate ones are shown beside it where their folders are given" in parsed.text
    assert "runs" not in parsed.ids
    assert len(parsed.all("svg")) == 4
