"""The page in a real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_CHROMIUM = shutil.which("chromium")
_FLAGS = (
    "--no-sandbox",  # Chromium refuses to run as root otherwise.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no chromium is installed; on Debian: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; it is in the extra 'dev'")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_FLAGS))
        yield opened
        opened.close()


class Opened:
    """The page in one window, with all that it complained of and asked for."""

    def __init__(self, browser: Any, page: Path, width: int, scheme: str) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.tab = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(page.as_uri())


@pytest.fixture(params=[(400, "light"), (400, "dark"), (1400, "light"), (1400, "dark")], ids=lambda given: f"{given[1]}-{given[0]}")
def opened(request, browser, page) -> Iterator[Opened]:
    found = Opened(browser, page, *request.param)
    yield found
    found.context.close()


@pytest.fixture
def tab(browser, page) -> Iterator[Any]:
    found = Opened(browser, page, 1400, "light")
    yield found.tab
    found.context.close()


def test_it_opens_from_disk_in_silence(opened, page):
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [page.as_uri()]


def test_nothing_overflows(opened):
    tab = opened.tab
    tab.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    # Nor is anything cut off outside the containers that scroll.
    beyond = tab.evaluate(
        """() => [...document.querySelectorAll("main *, header *, nav *, footer *")].filter(
            (one) => !one.closest(".scroll, pre, .hidden") && one.getBoundingClientRect().right > innerWidth + 1
        ).map((one) => one.outerHTML)"""
    )
    assert beyond == []


def test_every_plot_is_drawn(opened):
    boxes = opened.tab.evaluate(
        """() => [...document.querySelectorAll("figure svg")].map((svg) => {
            const box = svg.getBoundingClientRect();
            const marks = [...svg.querySelectorAll("[id*='axes_1'] path, [id*='axes_1'] use")]
                .filter((mark) => { const place = mark.getBoundingClientRect(); return place.width + place.height > 0; });
            return {width: box.width, height: box.height, marks: marks.length,
                    texts: [...svg.querySelectorAll("text")].filter((text) => text.getBoundingClientRect().width > 0).length};
        })"""
    )
    assert len(boxes) == 7
    for box in boxes:
        assert box["width"] > 300
        assert box["height"] > 150
        assert box["marks"] > 5
        assert box["texts"] > 3


def test_text_stands_out_in_either_scheme(opened):
    """WCAG asks for a contrast of 4.5; figures write in the page's own colour."""
    found = opened.tab.evaluate(
        """() => {
            const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
            const luminance = (colour) => {
                canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
                const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
                    value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; });
                return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
            const paper = luminance(getComputedStyle(document.body).backgroundColor);
            const contrast = (colour) => { const ink = luminance(colour);
                return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); };
            const texts = [...document.querySelectorAll("p, th, td, dd, dt, small, figcaption, .mark, a")];
            return {dark: paper < 0.2, text: Math.min(...texts.map((one) => contrast(getComputedStyle(one).color))),
                    drawn: Math.min(...[...document.querySelectorAll("svg text")].map((one) => contrast(getComputedStyle(one).fill)))};
        }"""
    )
    assert found["dark"] == opened.tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert found["text"] >= 4.5
    assert found["drawn"] >= 4.5


def column(table: Any, place: int) -> list[str]:
    return table.evaluate("(table, place) => [...table.tBodies[0].rows].map((row) => row.cells[place].dataset.value)", place)


def test_tables_sort_by_number_and_by_name(tab):
    table = tab.locator("#methods table").first
    heading = table.locator("thead th").nth(4)
    button = heading.locator("button")
    button.click()
    assert heading.get_attribute("aria-sort") == "descending"
    values = [float(value) for value in column(table, 4)]
    assert values == sorted(values, reverse=True)
    button.click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [float(value) for value in column(table, 4)] == sorted(values)
    first = table.locator("thead th").first
    first.locator("button").press("Enter")
    assert (first.get_attribute("aria-sort"), heading.get_attribute("aria-sort")) == ("ascending", None)
    names = table.locator("tbody th").all_text_contents()
    assert names == sorted(names, key=str.lower)
    assert len(names) == len(values) > 3


def test_every_sortable_heading_is_a_button_that_works(tab):
    count = tab.evaluate(
        """() => [...document.querySelectorAll("table.sortable")].map((table) => {
            const rows = table.tBodies[0].rows.length;
            for (const button of table.querySelectorAll("thead button")) {
                button.click();
                if (!button.closest("th").hasAttribute("aria-sort") || table.tBodies[0].rows.length !== rows) return -1;
            }
            return table.querySelectorAll("thead button").length;
        })"""
    )
    assert len(count) >= 8
    assert min(count) >= 2


def test_on_paper_all_is_unfolded_and_light_and_nothing_is_cut_off(tab):
    tab.emulate_media(media="print", color_scheme="dark")
    # A4 less Chromium's margins.
    tab.set_viewport_size({"width": 718, "height": 1000})
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate("[...document.querySelectorAll('details')].every((part) => part.open)")
    assert not tab.locator("nav").is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 718
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
