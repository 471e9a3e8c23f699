"""The pages of the documentation taken apart: sections, code blocks, spans, links and tables, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gnn_search.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True)
class Piece:
    """A part of a page.

    Attributes:
        page: The file. line: Counted from 1. section: Title of the nearest heading above.
        kind: `heading`, `code` (a fenced block), `span` (in backticks), `link`, `prose` (a paragraph without its spans) or `table`.
        text: The content; of a link its target, of a table its rows, one a line. language: Of a fenced block.
    """

    page: Path
    line: int
    section: str
    kind: str
    text: str
    language: str = ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}: {self.text.splitlines()[0]}"


def pieces(page: Path, text: str | None = None) -> list[Piece]:
    """Take a page apart, in its order."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8") if text is None else text)
    return list(_walk(page, tokens))


def all_pieces(*kinds: str) -> list[Piece]:
    """Return the parts of some kinds of all pages."""
    return [piece for page in PAGES for piece in pieces(page) if piece.kind in kinds]


def shell_commands(block: str) -> Iterator[list[str]]:
    """Yield each command of a shell block in words; a loop's variable has its first value."""
    values: dict[str, str] = {}
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set(";&|"):
                if command[:1] == ["for"]:
                    values[command[1]] = command[3]
                elif command and command != ["done"]:
                    yield [re.sub(r"\$(\w+)", lambda found: values[found[1]], part) for part in command]
                command = []
            elif word != "do" or command:
                command.append(word)


def span_command(span: str) -> list[str] | None:
    """Return the words of a span that is a command, perhaps in part or with placeholders; None if it is none.

    A usage such as `inspect GRAPH [--user/--query ID]` becomes that of its first alternative, without brackets.
    """
    first, _, rest = span.partition(" ")
    if first in COMMANDS and rest:
        return span_command(f"gnn-search {span}")
    if first == "gnn-search":
        rest = re.sub(r"[\[\]…]|\.\.\.", " ", rest)
        rest = re.sub(r"(--[a-z-]+)(/--[a-z-]+)+", r"\1", rest)
    elif first not in {"make", "pip", "python", "tensorboard"}:
        return None
    return [first, *shlex.split(rest)] if rest else None


def has_figures(text: str) -> bool:
    """Tell whether a text holds measured figures, written as .663; versions and years are written otherwise."""
    return re.search(r"(?<![\w.])\.\d+", text) is not None


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _walk(page: Path, tokens: list[Token]) -> Iterator[Piece]:
    section, line, opened, rows = "", 1, "", list[str]()
    for token in tokens:
        line = token.map[0] + 1 if token.map else line
        if token.type in {"heading_open", "table_open"}:
            opened, rows = token.type, []
            at = line
        elif token.type == "tr_open":
            rows.append("")
        elif token.type == "table_close":
            opened = ""
            yield Piece(page, at, section, "table", "\n".join(rows))
        elif token.type == "fence":
            yield Piece(page, line, section, "code", token.content, token.info)
        elif token.type == "inline":
            texts = {"text": lambda child: child.content, "softbreak": lambda child: " "}
            prose = "".join(texts[child.type](child) for child in token.children or () if child.type in texts)
            if opened == "heading_open":
                section, opened = prose, ""
                yield Piece(page, line, section, "heading", prose)
            elif opened == "table_open":
                rows[-1] += f" | {prose}"
            else:
                yield Piece(page, line, section, "prose", prose)
            for child in token.children or ():
                if child.type == "code_inline":
                    yield Piece(page, line, section, "span", child.content)
                elif child.type == "link_open":
                    yield Piece(page, line, section, "link", str(child.attrs["href"]))
