"""The pages about exports: what they show runs, in the programs that it is for, where these are installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_lines import fault_of, flags
from documentation import ROOT, Piece, pieces, shell_commands

from gnn_search.export.settings import FORMATS

PAGES = sorted((ROOT / "docs" / "export").glob("*.md"))
ENGINES = {"elasticsearch", "opensearch", "vespa", "pgvector", "qdrant", "milvus"}
NEEDS = ("qdrant_client", "pymilvus", "psycopg", "model2vec", "sentence_transformers")


def named(page: str, language: str) -> list[Piece]:
    return [piece for piece in pieces(ROOT / "docs" / "export" / f"{page}.md") if piece.kind == "code" and piece.language == language]


@pytest.fixture
def here(everything, tokens_export, tmp_path, monkeypatch) -> Path:
    """Return the folder in which the pages' programs run, an export in it, and one of a tower of tokens alone."""
    (tmp_path / "export").symlink_to(everything)
    (tmp_path / "tokens_export").symlink_to(tokens_export)
    monkeypatch.chdir(tmp_path)
    # A program may add to it.
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return tmp_path


def run(program: Piece) -> None:
    for module in NEEDS:
        if module in program.text:
            pytest.importorskip(module, reason=f"{module} is not installed")
    exec(compile(program.text, str(program), "exec"), {})


@pytest.fixture(autouse=True)
def keep_threads(monkeypatch) -> None:
    """Reading a command line sets the number of threads."""
    monkeypatch.setattr("gnn_search.cli.options.set_threads", lambda count: count)


def test_there_is_a_page_for_every_engine():
    assert {page.stem for page in PAGES} > ENGINES
    assert set(FORMATS) > ENGINES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_links_and_files_are_there(page, everything):
    for piece in pieces(page):
        if piece.kind == "code" and piece.language == "sh":
            assert [fault for words in shell_commands(piece.text) if (fault := fault_of(words, whole=True))] == []
        elif piece.kind == "link" and not piece.text.startswith("https://"):
            assert (page.parent / piece.text.partition("#")[0]).exists(), piece
        elif piece.kind == "span" and piece.text.startswith("--"):
            assert piece.text.split()[0] in flags(), piece
        elif piece.kind == "span" and piece.text.partition("/")[0] in FORMATS:
            assert list(everything.glob(piece.text)), piece


@pytest.mark.parametrize("page", ["vectors", "qdrant", "milvus"])
def test_programs_run(here, page, capsys):
    for program in named(page, "python"):
        run(program)
        assert capsys.readouterr().out, program


@pytest.mark.parametrize("page", ["elasticsearch", "opensearch", "vespa"])
def test_searches_are_json_with_a_vector(here, page, capsys):
    (program,) = named(page, "python")
    run(program)
    assert "0." in json.dumps(json.loads(capsys.readouterr().out))


def test_postgres(here, postgres, monkeypatch, capsys):
    with postgres() as connection:
        connection.execute("DROP TABLE IF EXISTS product")
    for name, value in postgres.environment.items():
        monkeypatch.setitem(os.environ, name, value)
    (shell,) = named("pgvector", "console")
    subprocess.run(["bash", "-ec", shell.text], check=True, stdout=subprocess.DEVNULL)
    (program,) = named("pgvector", "python")
    run(program)
    assert len(capsys.readouterr().out.splitlines()) == 10
