"""The rules of the house: who imports whom, one definition a public name, short functions and files, and the words that we don't use."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import get_args

import click
from marks import BY_NAME
from pydantic import BaseModel

import gnn_search
from docs.architecture import BELOW, TIERS, imported_modules
from gnn_search.cli.main import COMMANDS, main
from gnn_search.config.training import RerankerSettings
from gnn_search.rerank.features import feature_names

ROOT = Path(gnn_search.__file__).parent

STATIONS = (BELOW, *(folder for tier in TIERS for folder in tier))
"""The folders in the order of the data's way. A folder imports itself and those before it; top-level modules lie before all of them."""

LONGEST_FUNCTION, LONGEST_FILE = 75, 400

NAMED_IN_EACH_FILE = {
    "command": "the command of a file of cli/",
    "CHECKS": "the checks of a file of audit/",
    "SUFFIX": "how the files of a format of export/formats/ end",
}
"""What each of several files has under the same name, because a table of files looks for it there."""

BANNED = {
    "walk": "reranker, candidates or interaction features",
    "walks": "candidates",
    "shopper": "user",
    "shoppers": "users",
    "people": "users",
    "asker": "user",
    "askers": "users",
    "guest": "request, or inductive user",
    "guests": "requests, or inductive users",
    "visit": "request",
    "visits": "requests",
    "visitor": "request, or inductive user",
    "visitors": "requests, or inductive users",
    "chose": "interacted with, or the action",
    "choice": "interaction",
    "choices": "interactions",
    "chosen": "positive, or relevant",
    "led to": "interactions",
    "free vector": "ID embedding",
    "free vectors": "ID embeddings",
    "ask": "encode",
    "asks": "encodes",
    "asked": "encoded, or requests",
    "unasked": "cold query",
    "recalling": "history query",
    "recalled": "history query",
    "way": "ranking options",
    "ways": "ranking options",
    "told": "provenance, fingerprint or reported",
    "shop vectors": "node embeddings",
    "moment": "as_of, or time",
    "moments": "times",
    "now": "as_of, or time",
    "judge": "Evaluator",
    "judged": "query scores",
    "flips": "n_permutations",
    "rhythm": "repurchase interval",
    "alike": "PureSVD, or collaborative factors",
    "row wise": "sparse Adam",
    "rowwise": "sparse Adam",
    "new share": "cold-start share",
    "movers": "largest changes",
    "looks": "plot style",
}
"""Words of our own and what the field says; they name nothing in the package, be it alone or in a longer name."""
BANNED_ALONE = {"Truth": "qrels", "Listed": "run", "Selection": "query scores"}
"""Likewise, but only as a whole name."""
BANNED_KEYS = {"full": "reranked", "recent": "sequence_length", "history": "attention_length", "past": "profile_length"}
"""Likewise, but only as keys of a configuration and values of an option."""

TABLE_MAKERS = {"make_table", "add_column", "_table", "_counts", "_parts"}


@cache
def sources() -> dict[str, ast.Module]:
    """Return each file of the package, read."""
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def place(folder: str) -> int:
    """Return a folder's place in the order; -1 for a top-level module."""
    return STATIONS.index(folder) if folder in STATIONS else -1


def wrong_imports(files: dict[str, ast.Module]) -> list[str]:
    wrong = []
    for file, tree in files.items():
        if file == "__main__.py":
            continue
        folder = file.split("/")[0]
        for line, name in imported_modules(tree):
            target = name.split(".")[1] if "." in name else ""
            if place(target) > place(folder):
                wrong.append(f"{file}:{line}: {folder} must not import {name}, which lies after it")
    return wrong


def words(name: str) -> str:
    """Return the words of an identifier or an option, a space before and after each."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return f" {' '.join(part.lower() for part in parts)} "


def fault_of_name(name: str, is_key: bool = False) -> str | None:
    """Return what is wrong with a name: the banned word in it and what to say instead."""
    alone = {**BANNED_ALONE, **(BANNED_KEYS if is_key else {})}
    if name in alone:
        return f"'{name}' is no word of the field; say {alone[name]}"
    spaced = words(name)
    return next((f"'{name}': not '{word}'; say {better}" for word, better in BANNED.items() if f" {word} " in spaced), None)


def defined_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of everything that a module names: classes, functions, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def config_keys() -> Iterator[str]:
    """Yield the keys of every configuration."""
    for file in sources():
        if file.startswith("config/"):
            module = import_module(f"gnn_search.{file.removesuffix('.py').replace('/', '.')}")
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, BaseModel):
                    yield from value.model_fields


def models() -> Iterator[type[BaseModel]]:
    """Yield every pydantic model of the package; a file without settings or models is not imported, as it may need an optional package."""
    for file in sources():
        if re.search(r"BaseModel|gnn_search\.config", (ROOT / file).read_text(encoding="utf-8")):
            module = import_module(f"gnn_search.{file.removesuffix('.py').replace('/', '.')}")
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__:
                    yield value


def fixed_values(annotation: object) -> Iterator[str]:
    """Yield the texts that a type allows by `Literal`, at any depth."""
    for part in get_args(annotation):
        yield from [part] if isinstance(part, str) else fixed_values(part)


def written_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of what is shown or written beside values: keys of dictionaries, headings and titles of tables."""
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Dict):
            parts = [key for key in node.keys if key is not None]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in TABLE_MAKERS:
            parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        for part in parts:
            for text in ast.walk(part):
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield text.lineno, text.value


def shown_by_click() -> Iterator[tuple[str, str]]:
    """Yield where and what for every name that a user of the command line types: commands, options, arguments, values to choose from."""
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        yield name, name
        for parameter in command.params:
            yield from ((name, option) for option in (*parameter.opts, *parameter.secondary_opts))
            if isinstance(parameter.type, click.Choice):
                yield from ((f"{name} {parameter.opts[0]}", str(value)) for value in parameter.type.choices)


def test_every_folder_has_its_place():
    folders = {file.split("/")[0] for file in sources() if "/" in file}
    assert folders <= set(STATIONS)


def test_every_folder_says_what_it_offers():
    folders = {file.rpartition("/")[0] for file in sources() if "/" in file}
    assert [folder for folder in sorted(folders) if not ast.get_docstring(sources().get(f"{folder}/__init__.py", ast.Module([], [])))] == []


def test_what_a_folder_says_it_offers_is_there():
    """What the docstring of a folder has in backticks is a file of it, or defined in one; each offers something but the package itself."""
    wrong = []
    for file, tree in sources().items():
        folder, _, name = file.rpartition("/")
        if folder and name == "__init__.py":
            offered = set(re.findall(r"`([^`]+)`", ast.get_docstring(tree) or ""))
            files = {path: tree for path, tree in sources().items() if path.rpartition("/")[0] == folder}
            there = {Path(path).stem for path in files} | {name for tree in files.values() for name in public_names(tree)}
            wrong += [f"{file} names nothing"] * (not offered) + [f"{file}: {name}" for name in sorted(offered - there)]
    assert wrong == []


def test_every_station_is_there():
    assert {file.split("/")[0] for file in sources() if "/" in file} == set(STATIONS)


def test_a_folder_imports_only_what_lies_before_it():
    assert wrong_imports(sources()) == []


def test_wrong_imports_are_found():
    text = "from gnn_search.graph.store import Graph\nif TYPE_CHECKING:\n    import gnn_search.cli.main\n"
    wrong = wrong_imports(
        {
            "model/a.py": ast.parse(text),
            "model/b.py": ast.parse("def f():\n    from gnn_search import retrieval\n"),
            "layout.py": ast.parse("import gnn_search.config.base\nimport gnn_search.errors"),
        }
    )
    assert [one.partition(": ")[0] for one in wrong] == ["model/b.py:2", "layout.py:1"]


def public_names(tree: ast.Module) -> set[str]:
    """Return what a module defines without an underscore: classes, functions, constants and aliases of types."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) or type(node).__name__ == "TypeAlias":
            places = node.targets if isinstance(node, ast.Assign) else [node.name if type(node).__name__ == "TypeAlias" else node.target]
            names |= {part.id for place in places for part in ast.walk(place) if isinstance(part, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_a_public_name_is_defined_once():
    places: dict[str, list[str]] = defaultdict(list)
    for file, tree in sources().items():
        for name in public_names(tree):
            places[name].append(file)
    assert {name: files for name, files in places.items() if len(files) > 1 and name not in NAMED_IN_EACH_FILE} == {}


def test_public_names_are_found():
    text = "A, _b = 1, 2\nC: int = 3\nD = [e for e in range(3)]\nclass F:\n    g = 1\ndef h():\n    i = 1\n"
    assert public_names(ast.parse(text)) == {"A", "C", "D", "F", "h"}


def test_functions_are_short():
    long = []
    for file, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= LONGEST_FUNCTION:
                long.append(f"{file}:{node.lineno}: {node.name}: {node.end_lineno - node.lineno + 1} lines")
    assert long == []


def test_files_are_short():
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in ROOT.rglob("*.py")}
    assert {file: length for file, length in lengths.items() if length > LONGEST_FILE} == {}


def test_names_are_the_words_of_the_field():
    faults = [
        f"{file}:{line}: {fault}"
        for file, tree in sources().items()
        for line, name in defined_names(tree)
        if (fault := fault_of_name(name))
    ]
    assert faults == []


def test_files_and_folders_are_named_in_the_words_of_the_field():
    assert [fault for file in sources() for part in file.split("/") if (fault := fault_of_name(part.removesuffix(".py")))] == []


def test_keys_of_configurations_are_the_words_of_the_field():
    keys = sorted(set(config_keys()))
    assert keys
    assert [fault for key in keys if (fault := fault_of_name(key, is_key=True))] == []


def test_commands_and_options_are_the_words_of_the_field():
    assert [f"{where}: {fault}" for where, name in shown_by_click() if (fault := fault_of_name(name, is_key=True))] == []


def test_fields_of_models_are_the_words_of_the_field():
    names = sorted({(model.__name__, name) for model in models() for name in model.model_fields})
    values = sorted(
        {(model.__name__, one) for model in models() for field in model.model_fields.values() for one in fixed_values(field.annotation)}
    )
    assert ("Attention", "history_query") in names
    assert ("PathStep", "query") in values
    assert [f"{model}: {fault}" for model, name in (*names, *values) if (fault := fault_of_name(name))] == []


def test_names_of_features_are_the_words_of_the_field():
    names = feature_names(RerankerSettings(), [("product", "rev_bought_with", "product")])
    assert [fault for name in names if (fault := fault_of_name(name))] == []


def test_keys_and_headings_are_the_words_of_the_field():
    texts = [(file, line, text) for file, tree in sources().items() for line, text in written_texts(tree)]
    assert "Commonest queries of its interactions" in {text for _, _, text in texts}
    assert [f"{file}:{line}: {fault}" for file, line, text in texts if (fault := fault_of_name(text))] == []


def test_a_banned_word_is_found_inside_a_name():
    assert fault_of_name("WalkIndex") == "'WalkIndex': not 'walk'; say reranker, candidates or interaction features"
    assert "say node embeddings" in str(fault_of_name("open_shop_vectors"))
    assert "say interactions" in str(fault_of_name("query led to it"))
    assert list(written_texts(ast.parse('{"asked": 1}\nmake_table("rank", *(f">{verb} before",))'))) == [
        (1, "asked"),
        (2, "rank"),
        (2, ">"),
        (2, " before"),
    ]
    assert "say cold-start share" in str(fault_of_name("--new-share"))
    assert [fault_of_name(name) for name in ("sidewalk", "always", "known", "history", "shop_ids", "full_vectors")] == [None] * 6
    assert fault_of_name("history", is_key=True) is not None


def test_what_is_marked_by_name_is_there():
    missing = []
    for start in sorted(start for starts in BY_NAME.values() for start in starts):
        file, _, test = start.partition("::")
        place = Path(__file__).parent / file
        if not place.exists() or (test and f"def {test}(" not in place.read_text(encoding="utf-8")):
            missing.append(start)
    assert missing == []
