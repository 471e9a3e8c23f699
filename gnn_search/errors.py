"""The exceptions that a user of the package can meet, one class per kind of fault.

Every message is one clear sentence or two: what was expected, what was found, where, and what to do.
The command line prints the message alone and exits with `exit_code`.
"""

from __future__ import annotations


class GnnSearchError(Exception):
    """Base of every error that the package raises on purpose."""

    exit_code = 2


class TableError(GnnSearchError):
    """A raw table is missing, empty, lacks a column or holds values that can't be used."""


class TaxonomyError(GnnSearchError):
    """The category tree is not a tree."""


class ConfigError(GnnSearchError):
    """A recipe or a configuration is missing, is no YAML, or holds an unknown key or a bad value."""


class ArtefactError(GnnSearchError):
    """A folder written by the package is absent, damaged, half-written, of another version or of another graph."""


class DivergenceError(GnnSearchError):
    """A training whose loss, weights or vectors are no longer finite numbers."""


class OutputExistsError(GnnSearchError):
    """The place to write to is taken."""


class RequestError(GnnSearchError):
    """A request can't be answered: an unknown id, a list longer than the catalogue, a time that is none."""


class MissingExtraError(GnnSearchError):
    """A part needs an optional dependency that is not installed."""
