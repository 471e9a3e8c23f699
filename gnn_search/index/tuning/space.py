"""What a tuning tries: indices to build, and how far to look in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gnn_search.index.settings import FEWEST, QUANTISED, IndexSettings, Kind

_CANDIDATES = (4, 12, 40)
_EF = (32, 64, 128, 256, 512, 1024)
_PARTS = (4, 2, 1)
"""Numbers of a vector that share a 4-bit code."""
_FAR = 2
"""Largest share of the lists that is looked into, one in so many."""
_STEPS = 6


def builds(count: int, dimension: int, kinds: Sequence[Kind], seed: int, before: IndexSettings | None = None) -> list[IndexSettings]:
    """Return the indices to build, resolved, the one that won last time first.

    Args:
        count: Products.
        dimension: Numbers in a vector.
        kinds: Which kinds to try.
        seed: Of what is learned.
        before: Settings of an index of an earlier training; lists follow the number of products of today.
    """
    wanted = [] if before is None else [_of_today(before, count, dimension, seed)]
    for kind in kinds:
        plain = IndexSettings(kind=kind, seed=seed)
        if kind not in QUANTISED:
            wanted.append(plain.resolve(count, dimension))
        elif count >= FEWEST or len(kinds) == 1:
            parts = [dimension // share for share in _PARTS if dimension % share == 0]
            wanted += [plain.model_copy(update={"pq_m": part}).resolve(count, dimension) for part in parts]
    return list({(one.description(), one.full, one.full_in, one.ef_construction): one for one in reversed(wanted)}.values())[::-1]


def ladders(built: IndexSettings) -> Iterator[list[IndexSettings]]:
    """Yield ways to search an index: first as its settings say, then lists in which every step looks further than the one before it."""
    yield [built]
    if built.kind == "hnsw":
        yield [built.model_copy(update={"ef_search": effort}) for effort in _EF]
    elif built.kind.startswith("ivf"):
        for candidates in _CANDIDATES if built.precision is not None else (built.candidates,):
            yield [built.model_copy(update={"nprobe": lists, "candidates": candidates}) for lists in _list_counts(built.nlist or 1)]


def _of_today(before: IndexSettings, count: int, dimension: int, seed: int) -> IndexSettings:
    """Return settings of an earlier index for the products of today: as many lists as these want, of which the same share is searched."""
    fits = before.pq_m is not None and dimension % before.pq_m == 0
    bare = before.model_copy(update={"nlist": None, "nprobe": None, "pq_m": before.pq_m if fits else None, "seed": seed})
    today = bare.resolve(count, dimension)
    if before.nlist is None or before.nprobe is None or today.nlist is None:
        return today
    return today.model_copy(update={"nprobe": max(1, round(before.nprobe / before.nlist * today.nlist))})


def _list_counts(nlist: int) -> list[int]:
    """Return numbers of lists to look into, each twice the one before, up to a share of all."""
    most = max(1, nlist // _FAR)
    return sorted({max(1, most >> step) for step in range(_STEPS)})
