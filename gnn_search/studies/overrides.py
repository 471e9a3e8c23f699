"""Change a training configuration in places that are named by nested keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from gnn_search.config.files import check
from gnn_search.config.negatives import HardNegatives, SharedNegatives
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ConfigError

NEGATIVE_KINDS: tuple[str, ...] = tuple(
    get_args(part.model_fields["kind"].annotation)[0] for union in (SharedNegatives, HardNegatives) for part in get_args(union)
)
"""Every kind of negative."""


def overridden(config: TrainingConfig, change: Mapping[str, Any], where: str) -> TrainingConfig:
    """Return a configuration with changes.

    A mapping changes the keys that it names and leaves the others as they are; anything else takes the place of what was there. In
    `negatives` a mapping changes, adds or, with null, takes out the entries of the kinds that it names.

    Args:
        config: What is changed.
        change: Nested as a configuration is.
        where: What the change is called, for messages.

    Raises:
        ConfigError: The change names a key or a kind that there is not, or the outcome is no right configuration.
    """
    content = config.model_dump(mode="json")
    negatives = change.get("negatives")
    if isinstance(negatives, Mapping):
        change = {**change, "negatives": _changed_kinds(content["negatives"], negatives, where)}
    return check(_merged(content, change), TrainingConfig, where)


def settings_of(change: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield each setting of a change in words, such as `user.attention_length 0`."""
    for key, value in change.items():
        if isinstance(value, Mapping) and value:
            yield from settings_of(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} {'none' if value is None else str(value).lower() if isinstance(value, bool) else value}"


def _merged(value: Any, change: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(change, Mapping):
        return {**value, **{key: _merged(value.get(key), part) for key, part in change.items()}}
    return change


def _changed_kinds(entries: list[dict[str, Any]], change: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    unknown = [str(kind) for kind in change if kind not in NEGATIVE_KINDS]
    if unknown:
        raise ConfigError(f"{where}: there is no kind of negatives '{unknown[0]}'; there are {', '.join(NEGATIVE_KINDS)}")
    found = {entry["kind"]: entry for entry in entries}
    for kind, part in change.items():
        if part is None:
            found.pop(kind, None)
        elif isinstance(part, Mapping):
            found[kind] = {**found.get(kind, {"kind": kind}), **part}
        else:
            raise ConfigError(f"{where}: expected settings or null for the negatives '{kind}', got {part!r}")
    return list(found.values())
