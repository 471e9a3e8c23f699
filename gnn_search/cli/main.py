"""The `gnn-search` command: finds the subcommand, loads it, and turns every error of the package into one sentence."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

import gnn_search
from gnn_search.errors import GnnSearchError

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR)
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells give it: 128 + SIGINT."""


class Failure(click.ClickException):
    """An error of the package, as click prints it: `Error: ` and the sentence."""

    exit_code = GnnSearchError.exit_code


@dataclass(frozen=True)
class Entry:
    """One subcommand: where it is found, and the first line of its own help, so that the list of commands imports none of them."""

    target: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "build-graph": Entry("gnn_search.cli.build_graph:command", "Build a graph folder from raw tables."),
    "inspect": Entry("gnn_search.cli.inspect:command", "Show what is in a graph, or the neighbourhood of one node."),
    "audit": Entry("gnn_search.cli.audit:command", "Check for leaks and faults that make figures wrong."),
    "train": Entry("gnn_search.cli.train:command", "Train a retriever on a graph."),
    "fuse": Entry("gnn_search.cli.fuse:command", "Fit weights that fuse vectors, candidates and words."),
    "evaluate": Entry("gnn_search.cli.evaluate:command", "Measure a model and the baselines on the test period."),
    "compare": Entry("gnn_search.cli.compare:command", "Compare runs of evaluate case by case."),
    "report": Entry("gnn_search.cli.report:command", "Write the results of a run as one HTML page."),
    "windows": Entry("gnn_search.cli.windows:command", "Show mean and spread over runs of several windows."),
    "retrieve": Entry("gnn_search.cli.retrieve:command", "Rank products for a file of users and queries."),
    "export": Entry("gnn_search.cli.export:command", "Write vectors and products for other programs."),
    "boost": Entry("gnn_search.cli.boost:command", "Fit a boost by product quality to a model's vectors."),
    "tune-index": Entry("gnn_search.cli.tune_index:command", "Find, build and save the best index under given caps."),
    "index": Entry("gnn_search.cli.index:command", "Build an index of the products and measure it."),
    "embed": Entry("gnn_search.cli.embed:command", "Write vectors of what is not in the graph."),
    "search": Entry("gnn_search.cli.search:command", "Search for products by text, plain or for one user."),
    "explain": Entry("gnn_search.cli.explain:command", "Explain how the score of a product comes about."),
    "negatives": Entry("gnn_search.cli.negatives:command", "Show the negatives that a model is trained with."),
    "ablate": Entry("gnn_search.cli.studies:ablate_command", "Show what each part of a configuration contributes."),
    "compare-negatives": Entry("gnn_search.cli.studies:negatives_command", "Show what mixes of negatives reach and cost."),
    "demo": Entry("gnn_search.cli.demo:command", "Run the whole line on the demo shop."),
    "demo-shop": Entry("gnn_search.cli.demo_shop:command", "Write the raw tables of the demo shop."),
    "doctor": Entry("gnn_search.cli.doctor:command", "Check versions, extras, threads, and torch beside FAISS."),
}


class LazyGroup(click.Group):
    """A group that knows its subcommands by name and summary, and imports the module of one when it is called.

    Args:
        entries: The subcommands in the order in which the help lists them.
        settings: Passed to `click.Group`.
    """

    def __init__(self, entries: dict[str, Entry], **settings: Any) -> None:
        super().__init__(**settings)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands, in the order of the table."""
        return [*self.entries, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand; None when there is none of that name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, attribute = entry.target.split(":")
        loaded: click.Command = getattr(import_module(module), attribute)
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; an error of the package becomes one sentence on stderr and its exit code."""
        try:
            return super().invoke(ctx)
        except GnnSearchError as error:
            raise Failure(str(error)) from error
        except OSError as error:
            # What the system refuses is no fault of the package.
            if error.errno not in _REFUSALS or error.filename is None:
                raise
            room = "make room, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise Failure(f"can't use {error.filename}: {error.strerror}; {room}give another place") from error
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in {"", gnn_search.__name__}:
                raise
            raise Failure(f"the Python package {package} is not installed; run: gnn-search doctor") from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


main = LazyGroup(
    COMMANDS,
    name="gnn-search",
    help="""Personalised product retrieval over a typed graph of users, queries, products and categories.

    \b
    Example:
      gnn-search build-graph complete_journey --data tables/ --out graph/
      gnn-search train complete_journey --graph graph/ --out model/
      gnn-search search model/ "whole milk" --user 1347
    """,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    no_args_is_help=True,
)
main = click.version_option(gnn_search.__version__, "-v", "--version", prog_name="gnn-search", message="%(prog)s %(version)s")(main)
