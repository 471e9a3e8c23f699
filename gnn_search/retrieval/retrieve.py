"""Answer a file of requests of any length in constant memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from gnn_search import __version__
from gnn_search.graph.as_of import resolve_as_of
from gnn_search.graph.store import to_datetime
from gnn_search.layout import hash_files
from gnn_search.memory import release_free_memory
from gnn_search.requests.request_file import CheckedFile, RequestFile
from gnn_search.retrieval.options import RankingOptions, open_ranking_options
from gnn_search.retrieval.results import RequestCounts
from gnn_search.retrieval.retriever import Retriever
from gnn_search.retrieval.unfinished import State, Unfinished
from gnn_search.tables.formats import FileFormat
from gnn_search.trained.model import Model, open_model

BLOCK_REQUESTS = 4096
"""Requests answered at a time, at most."""
_PLACES = 1 << 20
"""Rows written at a time, at most: memory must not grow with the lists."""

FileProgress = Callable[[Literal["check", "answer"], int, int | None], None]
"""Called with the stage, the requests done in it, and their total where it is known; first with what an earlier run had done."""


class RetrievalSummary(RequestCounts):
    """What was requested and written.

    Attributes:
        out: The file of results.
        as_of: What was known just before this time (UTC) answered the requests.
        k: Products a request, at most.
        min_score: Their least cosine with the request; none where any will do.
        products_allowed: Products that filters left; none where there was no filter.
        products_unknown: Products of a filter that the graph does not hold.
        resumed: Requests that an earlier run, which did not end, had answered.
        notes: A sentence each for whatever makes the answers differ from the requests.
    """

    out: Path
    as_of: datetime
    k: int
    min_score: float | None
    products_allowed: int | None
    products_unknown: int
    resumed: int
    notes: tuple[str, ...] = ()


def retrieve(
    model: Model | str | Path,
    source: str | Path,
    out: str | Path,
    k: int = 100,
    as_of: str | datetime | int | None = None,
    *,
    options: RankingOptions | None = None,
    min_score: float | None = None,
    block: int | None = None,
    resume: bool = False,
    progress: FileProgress = lambda stage, done, total: None,
) -> RetrievalSummary:
    """Rank products for every request of a file and write the lists.

    The file is looked through first, then answered block by block. Each block's rows lie in a folder beside `out` until all are there, so
    that a killed run can go on.

    Args:
        model: The model, or its folder.
        source: The requests, see `RequestFile`.
        out: The file to write: parquet, CSV or JSON lines, by suffix.
        k: Products a request.
        as_of: Everything before it is known, see `resolve_as_of`; by default the start of the test period.
        options: What to rank by, by default vectors and the graph's candidates together.
        min_score: Leave out products whose cosine with the request is less.
        block: Requests answered at a time; by default `BLOCK_REQUESTS`, fewer where lists are long.
        resume: Go on from the last block of a run that did not end; where there is none, start.
        progress: Called as the work goes on.

    Raises:
        OutputExistsError: `out` exists, or a run that did not end has left its blocks and `resume` is false.
        TableError: `source` can't be used, or a suffix is unknown.
        RequestError: A query is blank, a history can't be read, or `k` is below 1 or larger than the catalogue.
        ArtefactError: The run to go on with is of another input, model or setting, or is damaged.
    """
    source, out = Path(source), Path(out)
    FileFormat.of(out)
    model = model if isinstance(model, Model) else open_model(model)
    time = resolve_as_of(model.graph, as_of)
    options = open_ranking_options(model) if options is None else options
    unfinished = Unfinished(out)
    unfinished.check_place(resume)
    requests = RequestFile(source, model.graph)
    block = block or max(1, min(BLOCK_REQUESTS, _PLACES // max(k, 1)))
    settings = {**_settings(model, source, time, options), "k": k, "min_score": min_score, "block": block}
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
        retriever = Retriever(model, options, time)
        _answer(requests, state, retriever, unfinished, earlier.requests, progress)
        counts = unfinished.counts()
        unfinished.finish()
    return RetrievalSummary(
        out=out,
        as_of=to_datetime(time),
        k=k,
        min_score=min_score,
        products_allowed=None if options.allowed is None else len(options.allowed.product),
        products_unknown=0 if options.allowed is None else options.allowed.unknown,
        resumed=earlier.requests,
        notes=requests.notes,
        **counts.model_dump(),
    )


def _settings(model: Model, source: Path, as_of: int, options: RankingOptions) -> dict[str, Any]:
    """Return what decides the answers to a file, by the names that messages use."""
    stated = {"input": hash_files([source]), "model": model.manifest.hash, "version of gnn-search": __version__, "as_of": as_of}
    return {**stated, **options.provenance}


def _answer(requests: RequestFile, state: State, retriever: Retriever, unfinished: Unfinished, start: int, progress: FileProgress) -> None:
    """Answer what is left, block by block."""
    settings, done = state.settings, start
    with unfinished.appending(state):
        progress("answer", done, state.requests)
        for table in requests.blocks(CheckedFile(state.requests, state.ids_fit), settings["block"], start):
            found = retriever.search_table(table, settings["k"], settings["min_score"], ids_fit=state.ids_fit)
            unfinished.append(found.rows(), found.counts())
            release_free_memory()
            done += table.height
            progress("answer", done, state.requests)
