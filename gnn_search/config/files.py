"""Find, read and check a YAML file, by the name of a shipped one or by path."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self, TypeVar

import yaml
from pydantic import ValidationError

from gnn_search.config.base import StrictModel
from gnn_search.errors import ConfigError

_Model = TypeVar("_Model", bound=StrictModel)

_LONGEST = 200
"""Letters of a bad value in a message."""
_PACKAGE = Path(__file__).resolve().parent.parent


class NamedFile(StrictModel):
    """What a YAML file holds that is named by its path, or by its name where it is shipped."""

    shipped_in: ClassVar[str] = "configs"

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """Read one by the name of a shipped one or by path.

        Raises:
            ConfigError: It does not exist or is not right.
        """
        return read_yaml(find_yaml(str(name_or_path), cls.shipped_in), cls)


def shipped_folder(kind: str) -> Path:
    """Return the folder of shipped files: inside the package when installed, else beside it in a checkout.

    Args:
        kind: `graphs` or `configs`.
    """
    installed = _PACKAGE / "shipped" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def find_yaml(name_or_path: str, kind: str) -> Path:
    """Return the file meant by a path or by the name of a shipped file.

    Args:
        name_or_path: A path to a YAML file, or a name such as `complete_journey`.
        kind: `graphs` or `configs`.

    Raises:
        ConfigError: Neither exists; the message lists the shipped names.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    root = shipped_folder(kind)
    names = sorted(file.relative_to(root).with_suffix("").as_posix() for file in root.rglob("*.yaml"))
    if name_or_path in names:
        return root / f"{name_or_path}.yaml"
    raise ConfigError(
        f"no file {name_or_path}, and no shipped one of that name in {kind} (there are: {', '.join(names)}); "
        "give a path or one of these names"
    )


def read_yaml(path: Path, model: type[_Model]) -> _Model:
    """Read a YAML file into a checked model.

    Raises:
        ConfigError: The file is no YAML, is no mapping, has an unknown key, lacks one or holds a bad value; all faults are named.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} is no valid YAML: {reason}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys to values, got {type(content).__name__}")
    return check(content, model, str(path))


def check(content: dict[str, object], model: type[_Model], where: str) -> _Model:
    """Check a mapping against a model.

    Raises:
        ConfigError: With one clause a fault: key, what was expected, what was found.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(_describe(fault) for fault in error.errors())  # type: ignore[arg-type]
        raise ConfigError(f"{where}: {faults}") from None


def _describe(fault: dict[str, object]) -> str:
    location = fault["loc"]
    assert isinstance(location, tuple)
    key = ".".join(str(part) for part in location) or "the file"
    if fault["type"] == "extra_forbidden":
        return f"unknown key '{key}'; remove it or correct its name"
    if fault["type"] == "missing":
        return f"key '{key}' is missing"
    reason = f"'{key}': {str(fault['msg']).removeprefix('Value error, ')}"
    # What is wrong with several keys together names them; the whole mapping would only bury the sentence.
    if isinstance(fault["input"], dict):
        return reason
    got = repr(fault["input"])
    return f"{reason} (got {got if len(got) <= _LONGEST else got[:_LONGEST] + '…'})"
