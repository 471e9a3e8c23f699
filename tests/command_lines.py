"""Whether a command line that a page or a help text shows would be understood, found out without running it."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from typing import Any

import click
from documentation import ROOT

from gnn_search.cli.main import COMMANDS, main
from gnn_search.config.recipe import Recipe
from gnn_search.config.studies import AblationSettings, NegativesStudySettings
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import GnnSearchError
from gnn_search.evaluation.baselines.build import BASELINES, names_of
from gnn_search.retrieval.rankers.build import MODEL_NAME

_PLACEHOLDER = re.compile(r"[A-Z]+")


def fault_of(words: list[str], *, whole: bool) -> str | None:
    """Return what is wrong with a command line, None if nothing is.

    Args:
        words: The command line.
        whole: Arguments that the command needs must be there; else it may be a part of one, with placeholders in capitals.
    """
    match words:
        case ["gnn-search", name, *rest]:
            top = click.Context(main, info_name="gnn-search", **main.context_settings)
            command = main.get_command(top, name)
            return f"there is no command {name}" if command is None else _click_fault(command, name, rest, whole, top)
        case ["python", "-m", module, *rest]:
            if not (ROOT / module.replace(".", "/")).with_suffix(".py").exists():
                return f"there is no module {module}"
            (command,) = (value for value in vars(import_module(module)).values() if isinstance(value, click.Command))
            return _click_fault(command, module, rest, whole)
        case ["python", script, *_] if script.endswith(".py"):
            return None if (ROOT / script).is_file() else f"there is no script {script}"
        case ["make", *targets]:
            known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            return f"there is no target {set(targets) - set(known)}" if set(targets) - set(known) else None
        case ["pip", "install", *packages]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
            asked = {extra for name in packages for extra in re.findall(r"gnn-search\[(.*)\]", name)}
            return f"there is no extra {asked - set(extras)}" if asked - set(extras) else None
        case [".", ".venv/bin/activate"] | ["tensorboard", "--logdir", _]:
            return None
    return "it is no command of the project"


def flags() -> set[str]:
    """Return all options of all commands."""
    commands = [main.get_command(click.Context(main), name) for name in COMMANDS]
    found = {flag for command in (main, *commands) if command for parameter in command.params for flag in parameter.opts}
    return {*found, *(flag for command in commands if command for one in command.params for flag in one.secondary_opts), "--help"}


def _click_fault(command: click.Command, name: str, words: list[str], whole: bool, top: click.Context | None = None) -> str | None:
    try:
        values = command.make_context(name, list(words), top).params if whole else _partial_values(command, name, words, top)
        _find_names(name, {key: value for key, value in values.items() if value is not None})
    except click.exceptions.Exit:  # --help
        return None
    except click.ClickException as error:
        return error.format_message()
    except GnnSearchError as error:
        return str(error)
    return None


def _partial_values(command: click.Command, name: str, words: list[str], top: click.Context | None) -> dict[str, Any]:
    """Read what is there of a command line; options and choices must exist, and no argument may be too many."""
    context = click.Context(command, top, name)
    options = {flag: one for one in command.params if isinstance(one, click.Option) for flag in (*one.opts, *one.secondary_opts)}
    last = options.get(words[-1]) if words else None
    if last is not None and not last.is_flag and not last.count:
        words = words[:-1]  # named without its value
    values, extra, _ = command.make_parser(context).parse_args(list(words))
    if extra:
        raise click.UsageError(f"unexpected argument {' '.join(map(str, extra))}")
    found: dict[str, Any] = {}
    for parameter in command.params:
        value = values.get(parameter.name)
        if isinstance(value, str) and not _PLACEHOLDER.fullmatch(value):
            found[str(parameter.name)] = parameter.type_cast_value(context, value)
    return found


def _find_names(command: str, values: dict[str, Any]) -> None:
    """Open what is named: shipped recipes, configurations, studies with their variants, baselines, methods.

    Raises:
        GnnSearchError: It is not there. A file of the reader's own ends in .yaml.
        click.UsageError: A study has no variant of that name.
    """

    def named(key: str) -> str | None:
        value = values.get(key)
        return value if isinstance(value, str) and not value.endswith(".yaml") and not _PLACEHOLDER.fullmatch(value) else None

    if (recipe := named("recipe")) is not None:
        Recipe.load(recipe)
    for config in filter(None, (named("config"), named("base"))):
        TrainingConfig.load(config)
    if (study := named("study")) is not None:
        variants = set(AblationSettings.load(study).variants) if command == "ablate" else set(NegativesStudySettings.load(study).mixes)
        if set(values.get("only") or ()) - variants:
            raise click.UsageError(f"the study {study} has no {set(values['only']) - variants}, but {variants}")
    if (baselines := named("baselines")) is not None:
        names_of(baselines)
    if set(values.get("methods") or ()) - {MODEL_NAME, *BASELINES}:
        raise click.UsageError(f"there is no method {values['methods']}")
