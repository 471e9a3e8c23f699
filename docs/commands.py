"""Write the help of every command to docs/commands.md, which a test holds to the commands.

Example:
    python -m docs.commands
"""

from __future__ import annotations

from pathlib import Path

import click

from gnn_search.cli.main import COMMANDS, main

PAGE = Path(__file__).with_name("commands.md")
_WIDTH = 110
_HEAD = """# Commands

What `--help` says of every command. This page is written by `make docs`.
"""


def command_page() -> str:
    """Return the page as Markdown."""
    top = click.Context(main, info_name="gnn-search", terminal_width=_WIDTH, **main.context_settings)
    parts = [_HEAD, _help(main, top)]
    for name in COMMANDS:
        command = main.get_command(top, name)
        assert command is not None
        parts.append(f"## {name}\n\n{_help(command, click.Context(command, top, name, terminal_width=_WIDTH))}")
    return "\n".join(parts)


def _help(command: click.Command, context: click.Context) -> str:
    return f"```text\n{command.get_help(context).strip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(command_page(), encoding="utf-8")
