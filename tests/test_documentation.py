"""README and docs: the commands they show would be understood, what they name is there, and figures have their command beside them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import yaml
from command_lines import fault_of, flags
from documentation import PAGES, ROOT, Piece, all_pieces, has_figures, pieces, shell_commands, slug, span_command
from pydantic import TypeAdapter, ValidationError

from gnn_search.cli.demo import command as demo
from gnn_search.cli.main import COMMANDS, main
from gnn_search.config.recipe import Recipe
from gnn_search.config.studies import AblationSettings
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.hold_out import HELD_OUT
from gnn_search.graph.judgements import JUDGEMENTS
from gnn_search.index.boosting.boost import build_boost, save_boost
from gnn_search.layout import GraphLayout, ModelLayout, RunLayout
from gnn_search.trained.model import open_model

SUFFIXES = {".md", ".yaml", ".json", ".jsonl", ".parquet", ".py", ".toml", ".txt", ".html", ".svg", ".png", ".safetensors", ".npy"}
HERE = Path()


@pytest.fixture(autouse=True)
def keep_threads(monkeypatch) -> None:
    """Reading a command line sets the number of threads."""
    monkeypatch.setattr("gnn_search.cli.options.set_threads", lambda count: count)


def written_files() -> set[str]:
    """Return the paths, inside a folder that a command writes, of which the pages speak."""
    graph, model, run = GraphLayout(HERE), ModelLayout(HERE), RunLayout(HERE)
    methods = run.method(0).with_stem("NN")
    files = [
        graph.rejects,
        graph.examples(HELD_OUT),
        graph.examples(JUDGEMENTS),
        model.manifest,
        model.metrics,
        run.evaluation,
        run.cases,
        run.relevant,
        run.products,
    ]
    folder = next(parameter.default for parameter in demo.params if parameter.name == "out")
    return {str(path) for path in (*files, methods)} | {f"{folder}/"}


def is_path(span: str) -> bool:
    if any(sign in span for sign in (*" :(*", "NAME")) or span.startswith("-"):
        return False
    return "/" in span or Path(span).suffix in SUFFIXES


def exists(path: str) -> bool:
    return path in written_files() or (ROOT / path).exists() or (ROOT / "gnn_search" / path).exists()


def is_setting(keys: list[str]) -> bool:
    """Tell whether a configuration has a setting, named with the parts that it lies in."""
    model: Any = TrainingConfig
    for key in keys:
        if not hasattr(model, "model_fields") or key not in model.model_fields:
            return False
        model = model.model_fields[key].annotation
    return True


def faults_of_spans(found: list[Piece]) -> list[str]:
    faults = []
    for span in found:
        words = span_command(span.text)
        if words is not None:
            fault = fault_of(words, whole=False)
        elif span.text.startswith("--"):
            fault = None if span.text.split()[0] in flags() else "no command has this option"
        elif re.fullmatch(r"[a-z_]+(\.[a-z_]+)+(: .+)?", span.text) and not is_path(span.text):
            fault = None if is_setting(span.text.partition(":")[0].split(".")) else "no such setting"
        else:
            fault = f"there is no {span.text}" if is_path(span.text) and not exists(span.text) else None
        if fault is not None:
            faults.append(f"{span}: {fault}")
    return faults


def faults_of_block(block: Piece) -> list[str]:
    faults = []
    for words in shell_commands(block.text):
        results = [word for word in words if word.startswith("benchmarks/results/") and not (ROOT / word).exists()]
        fault = f"there is no {results[0]}" if results else fault_of(words, whole=True)
        if fault is not None:
            faults.append(f"{block.page.name}, {block.section!r}: {' '.join(words)}: {fault}")
    return faults


def commands_beside(found: list[Piece]) -> bool:
    blocks = [piece for piece in found if piece.kind == "code" and piece.language == "sh"]
    return bool(blocks) or any(piece.kind == "span" and span_command(piece.text) is not None for piece in found)


def without_a_command(page: list[Piece]) -> list[str]:
    """Return the tables of figures that no command precedes in their section, and the figures in prose of sections without one."""
    missing = []
    for place, piece in enumerate(page):
        section = [other for other in page if other.section == piece.section]
        if piece.kind == "table" and has_figures(piece.text):
            before = [other for other in page[:place] if other.section == piece.section]
            missing += [] if commands_beside(before) else [f"{piece}: no command above this table in '{piece.section}'"]
        elif piece.kind == "prose" and has_figures(piece.text) and not commands_beside(section):
            missing.append(f"{piece}: no command in '{piece.section}'")
    return missing


def test_there_are_pages_with_commands_tables_and_links():
    assert len(PAGES) >= 2
    assert len(list(shell_commands("\n".join(piece.text for piece in all_pieces("code") if piece.language == "sh")))) > 20
    assert {"table", "link", "span"} <= {piece.kind for piece in all_pieces("table", "link", "span")}


def test_commands_in_blocks_would_be_understood():
    assert [fault for block in all_pieces("code") if block.language == "sh" for fault in faults_of_block(block)] == []


def test_commands_options_and_paths_in_the_text_are_there():
    assert faults_of_spans(all_pieces("span")) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_the_help_would_be_understood(name):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.help is not None
    example = textwrap.dedent(command.help.partition("Example:\n")[2])
    block = Piece(Path(name), 1, "Example", "code", example, "sh")
    assert example
    assert faults_of_block(block) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    broken = []
    for link in pieces(page):
        if link.kind != "link" or link.text.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = link.text.partition("#")
        target = (page.parent / file) if file else page
        if not target.exists() or (anchor and anchor not in {slug(one.text) for one in pieces(target) if one.kind == "heading"}):
            broken.append(str(link))
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_figures_have_the_command_that_makes_them_beside_them(page):
    assert without_a_command(pieces(page)) == []


def test_settings_that_are_shown_are_right():
    shown = [block for block in all_pieces("code") if block.language == "yaml"]
    assert shown
    assert [fault for block in shown for fault in faults_of_settings(block)] == []


def faults_of_settings(block: Piece) -> list[str]:
    """Check a block of YAML: a whole recipe or study, or parts of one, of which a line each may be an alternative."""
    lines = block.text.splitlines()
    keys = [line.partition(":")[0] for line in lines if line[:1].isalpha()]
    documents = lines if len(set(keys)) < len(keys) else [block.text]
    return [f"{block}: {error}" for text in documents for error in _settings_errors(yaml.safe_load(text))]


def _settings_errors(content: dict[str, Any]) -> list[str]:
    try:
        if "tables" in content:
            Recipe.model_validate(content)
        elif "variants" in content:
            TrainingConfig.load(AblationSettings.model_validate(content).base)
        else:
            for key, value in content.items():
                model = Recipe if key in Recipe.model_fields else TrainingConfig
                TypeAdapter(model.model_fields[key].annotation).validate_python(value)
    except (ValidationError, KeyError) as error:
        return [str(error)]
    return []


def test_programs_that_are_shown_run(tiny_graph, tiny_model, tmp_path, monkeypatch, capsys):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "graph").symlink_to(tiny_graph.path.resolve())
    (tmp_path / "demo" / "model").symlink_to(tiny_model.resolve())
    boost = replace(build_boost(tiny_graph, ["popularity"]), weights={"purchase": np.ones(2, np.float32)})
    save_boost(tmp_path / "demo" / "boost", boost, open_model(tiny_model), {})
    monkeypatch.chdir(tmp_path)
    programs = [block for block in all_pieces("code") if block.language == "python"]
    assert programs
    for program in programs:
        exec(compile(program.text, str(program), "exec"), {})
    assert capsys.readouterr().out


BAD = """# Page
## One
```sh
for n in 0 1; do
  gnn-search train no_such --graph g --out m_$n
done
gnn-search evaluate m --no-such 3 && gnn-search nothing
gnn-search evaluate m n
gnn-search train complete_journey --graph g
python -m benchmarks.seeds run_? --out benchmarks/results/none.json   # a comment
python -m benchmarks.none
gnn-search ablate ablation --graph g --out a.json --only 'without everything'
make everything; rm -rf /
```
| a | b |
|---|---|
| x | .663 |
| y | .5 |

## Two
`gnn-search retrieve MODEL --threads 0` `evaluate MODEL --split train` `evaluate --baselines none,all` `evaluate MODEL --baselines bm26`
`--colour` `docs/none.md` `reranker.wards: 50` `reranker.words: 50`
`train CONFIG OTHER` `pip install 'gnn-search[none]'` `compare RUN …` `inspect GRAPH [--user/--query ID]` `train --colour`

## Three
That is .51 better, `compare`.

| a | b |
|---|---|
| x | 663 |
| y | 12.5 ±.3 |
| z | .004 |

```yaml
split: {by: time, colour: red}
split: {by: last}
```
"""


def test_what_is_wrong_is_found():
    page = pieces(Path("page.md"), BAD)
    blocks = [fault for block in page if block.language == "sh" for fault in faults_of_block(block)]
    assert [fault.split(": ", 2)[1].split()[:2] for fault in blocks] == [
        ["gnn-search", "train"],
        ["gnn-search", "evaluate"],
        ["gnn-search", "nothing"],
        ["gnn-search", "evaluate"],
        ["gnn-search", "train"],
        ["python", "-m"],
        ["python", "-m"],
        ["gnn-search", "ablate"],
        ["make", "everything"],
        ["rm", "-rf"],
    ]
    assert "m_0" in blocks[0]
    assert "no shipped one of that name" in blocks[0]
    spans = faults_of_spans([piece for piece in page if piece.kind == "span"])
    wrong = (
        "retrieve",
        "--split train",
        "bm26",
        "--colour",
        "docs/none.md",
        "reranker.wards",
        "CONFIG OTHER",
        "pip install",
        "train --colour",
    )
    assert len(spans) == len(wrong)
    assert all(words in fault for words, fault in zip(wrong, spans, strict=True))
    assert [fault.partition(": ")[0] for fault in without_a_command(page)] == ["page.md:26", "page.md:28"]
    assert len([fault for block in page if block.language == "yaml" for fault in faults_of_settings(block)]) == 1
