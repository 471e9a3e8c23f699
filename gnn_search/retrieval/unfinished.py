"""The blocks of a retrieval that has not ended, kept beside its file so that a killed run can go on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ValidationError

from gnn_search.errors import ArtefactError, OutputExistsError
from gnn_search.layout import FORMAT_VERSION, refuse_existing, staged, write_json
from gnn_search.manifest import Artefact
from gnn_search.retrieval.results import RequestCounts
from gnn_search.tables.formats import FileFormat, join_parts

_COUNTS = "gnn_search_counts"


class State(BaseModel):
    """What an unfinished retrieval is of.

    Attributes:
        settings: What decides the result, each by a name that messages use: hashes of the input and the model, version of the program,
            time, list length, least score, requests a block, and what `RankingOptions.provenance` holds.
        requests: Rows of the input.
        ids_fit: See `CheckedFile`.
    """

    format_version: int = FORMAT_VERSION
    settings: dict[str, Any]
    requests: int
    ids_fit: bool


class Unfinished:
    """A folder `OUT.unfinished` beside the file to be written: the state and a parquet file with each block of results, whole or absent."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.folder = out.with_name(f"{out.name}.unfinished")
        self._count = 0
        self._state, self._moved = self.folder / "state.json", self.folder / "moved"

    def check_place(self, resume: bool) -> None:
        """Refuse to write over something.

        Raises:
            OutputExistsError: The file exists, or a run that did not end has left its blocks and is not to be resumed.
        """
        if resume and self.moved:
            return
        refuse_existing(self._out)
        if self.folder.exists() and not resume:
            raise OutputExistsError(f"{self.folder} holds the answers of a run that did not end; go on with --resume, or remove it first")

    @contextmanager
    def appending(self, state: State) -> Iterator[None]:
        """Make the folder where there is none; it stays behind a failed block of code if it holds any answers."""
        if not self._state.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self._state, state.model_dump(mode="json"))
        try:
            yield
        except BaseException:  # An interruption too leaves no empty folder behind; whatever it is goes on.
            if not self._count:
                self.remove()
            raise

    def resume(self, settings: dict[str, Any]) -> State | None:
        """Return the state of a run that did not end; None where there is none.

        Raises:
            ArtefactError: It is of another input, model or setting, or it is damaged.
        """
        if not self._state.exists():
            return None
        artefact = Artefact("unfinished retrieval", f"remove {self.folder}, and start anew", "gnn-search retrieve")
        state = artefact.read_manifest(self._state, State)
        for name in {**settings, **state.settings}:
            found, wanted = state.settings.get(name), settings.get(name)
            if found != wanted:
                raise ArtefactError(
                    f"{self.folder} was begun with another {name} ({found}, now {wanted}); go on with the one that it was begun with, or "
                    "remove the folder and start anew"
                )
        while self._block(self._count).exists():
            self._count += 1
        return state

    @property
    def moved(self) -> bool:
        """Whether the finished file was about to be moved to its place, or has been."""
        return self._moved.exists()

    def append(self, frame: pl.DataFrame, counts: RequestCounts) -> None:
        """Keep the next block."""
        with staged(self._block(self._count)) as partial:
            frame.write_parquet(partial, compression="lz4", metadata={_COUNTS: counts.model_dump_json()})
        self._count += 1

    def counts(self) -> RequestCounts:
        """Return what the blocks of this run, and of the one that it goes on with, count.

        Raises:
            ArtefactError: One is damaged.
        """
        total = RequestCounts()
        for block in self._blocks():
            try:
                total += RequestCounts.model_validate_json(pl.read_parquet_metadata(block)[_COUNTS])
            except (pl.exceptions.PolarsError, OSError, KeyError, ValidationError) as error:
                reason = " ".join(str(error).split())[:200]
                raise ArtefactError(f"{block} is damaged ({reason}); remove {self.folder}, and start anew") from None
        return total

    def finish(self) -> None:
        """Join the blocks, move the file to its place and remove the folder.

        Raises:
            OutputExistsError: The place is taken.
        """
        whole = self.folder / "whole"
        with staged(whole, replace=True) as partial:
            join_parts(self._blocks(), partial, FileFormat.of(self._out))
        refuse_existing(self._out)
        self._moved.touch()
        os.replace(whole, self._out)
        self.remove()

    def remove(self) -> None:
        """Remove the folder, under another name first: a half-removed one must not look like one to go on with."""
        removed = self.folder.with_name(f".{self.folder.name}.removed-{os.getpid()}")
        os.replace(self.folder, removed)
        shutil.rmtree(removed)

    def _blocks(self) -> list[Path]:
        return [self._block(number) for number in range(self._count)]

    def _block(self, number: int) -> Path:
        return self.folder / f"{number:08d}.parquet"
