"""The page of all commands is the one that the commands give."""

from __future__ import annotations

from docs.commands import PAGE, command_page
from gnn_search.cli.main import COMMANDS


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == command_page(), "write it anew with: make docs"


def test_it_shows_every_command_and_does_not_hang_on_the_terminal(monkeypatch):
    page = command_page()
    assert all(f"\n## {name}\n\n```text\nUsage: gnn-search {name} " in page for name in COMMANDS)
    monkeypatch.setenv("COLUMNS", "60")
    assert command_page() == page
