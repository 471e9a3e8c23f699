"""Answer a file of requests of any length in constant memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from gnn_search import __version__
from gnn_search.graph.store import to_datetime
from gnn_search.layout import hash_files
from gnn_search.memory import release_free_memory
from gnn_search.model.store import Model
from gnn_search.retrieval.answer import Answerer
from gnn_search.retrieval.counts import Counts
from gnn_search.retrieval.requests import Checked, RequestFile
from gnn_search.retrieval.unfinished import State, Unfinished
from gnn_search.retrieval.way import Way, open_way
from gnn_search.tables.formats import FileFormat

BLOCK = 4096
"""Requests answered at a time, at most."""
_PLACES = 1 << 20
"""Rows written at a time, at most: memory must not grow with the lists."""

Stage = Literal["check", "answer"]
Progress = Callable[[Stage, int, int | None], None]
"""Told the stage, the requests done in it, and their total where it is known; first what an earlier run had done."""


class RetrievalSummary(Counts):
    """What was asked and written.

    Attributes:
        out: The file of results.
        as_of: What was known just before this moment (UTC) answered the requests.
        k: Products a request, at most.
        min_score: Their least cosine with the request; none where any will do.
        products_allowed: Products that filters left; none where there was no filter.
        products_unknown: Products of a filter that the graph does not hold.
        resumed: Requests that an earlier run, which did not end, had answered.
    """

    out: Path
    as_of: datetime
    k: int
    min_score: float | None
    products_allowed: int | None
    products_unknown: int
    resumed: int


def retrieve(
    model: Model,
    source: Path,
    out: Path,
    k: int,
    as_of: int,
    *,
    way: Way | None = None,
    min_score: float | None = None,
    block: int | None = None,
    resume: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> RetrievalSummary:
    """Rank products for every request of a file and write the lists.

    The file is looked through first, then answered block by block. Each block's rows lie in a folder beside `out` until all are there, so
    that a killed run can go on.

    Args:
        model: The model.
        source: The requests, see `RequestFile`.
        out: The file to write: parquet, CSV or JSON lines, by suffix.
        k: Products a request.
        as_of: The moment before which everything is known, µs.
        way: The way of ranking, by default vectors and walks together.
        min_score: Leave out products whose cosine with the request is less.
        block: Requests answered at a time; by default `BLOCK`, fewer where lists are long.
        resume: Go on from the last block of a run that did not end; where there is none, start.
        progress: Told how far it is.

    Raises:
        OutputExistsError: `out` exists, or a run that did not end has left its blocks and `resume` is false.
        TableError: `source` can't be used, or a suffix is unknown.
        RequestError: A query is blank, a history can't be read, or `k` is below 1 or larger than the catalogue.
        ArtefactError: The run to go on with is of another input, model or setting, or is damaged.
    """
    FileFormat.of(out)
    way = open_way(model) if way is None else way
    unfinished = Unfinished(out)
    unfinished.check_place(resume)
    requests = RequestFile(source, model.graph)
    settings = {
        "input": hash_files([source]),
        "model": model.manifest.hash,
        "version of gnn-search": __version__,
        "moment": as_of,
        **way.told,
        "k": k,
        "least score": min_score,
        "block size": block or max(1, min(BLOCK, _PLACES // max(k, 1))),
    }
    state = unfinished.resume(settings) if resume else None
    earlier = unfinished.counts()
    if unfinished.moved and out.exists():
        # Killed when the finished file had just been moved to its place.
        unfinished.remove()
        counts = earlier
    else:
        if state is None:
            checked = requests.check(lambda done: progress("check", done, None))
            state = State(settings=settings, requests=checked.requests, ids_fit=checked.ids_fit)
        answerer = Answerer(model, as_of, k, way, min_score)
        _answer(requests, state, answerer, unfinished, earlier.requests, progress)
        counts = unfinished.counts()
        unfinished.finish()
    return RetrievalSummary(
        out=out,
        as_of=to_datetime(as_of),
        k=k,
        min_score=min_score,
        products_allowed=None if way.allowed is None else len(way.allowed.product),
        products_unknown=0 if way.allowed is None else way.allowed.unknown,
        resumed=earlier.requests,
        **counts.model_dump(),
    )


def _answer(requests: RequestFile, state: State, answerer: Answerer, unfinished: Unfinished, start: int, progress: Progress) -> None:
    """Answer what is left, block by block."""
    done = start
    with unfinished.appending(state):
        progress("answer", done, state.requests)
        for block in requests.blocks(Checked(state.requests, state.ids_fit), state.settings["block size"], start):
            unfinished.append(*answerer.answer(block))
            release_free_memory()
            done += len(block)
            progress("answer", done, state.requests)
