"""What a tuning tries: indices to build, and how far to look in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gnn_search.index.settings import QUANTISED, IndexSettings, Kind

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
    wanted = [] if before is None else [before.model_copy(update={"nlist": None, "nprobe": None, "seed": seed})]
    for kind in kinds:
        plain = IndexSettings(kind=kind, seed=seed)
        if kind in QUANTISED:
            parts = [dimension // share for share in _PARTS if dimension % share == 0]
            wanted += [plain.model_copy(update={"pq_m": part}) for part in parts]
        else:
            wanted.append(plain)
    distinct: dict[str, IndexSettings] = {}
    for one in wanted:
        resolved = one.resolve(count, dimension)
        distinct.setdefault(resolved.description(), resolved)
    return list(distinct.values())


def ladders(built: IndexSettings) -> Iterator[list[IndexSettings]]:
    """Yield ways to search an index, each a list in which every step looks further than the one before it."""
    if built.kind == "hnsw":
        yield [built.model_copy(update={"ef_search": effort}) for effort in _EF]
    elif built.kind.startswith("ivf"):
        for candidates in _CANDIDATES if built.precision is not None else (built.candidates,):
            yield [built.model_copy(update={"nprobe": lists, "candidates": candidates}) for lists in _list_counts(built.nlist or 1)]
    else:
        yield [built]


def _list_counts(nlist: int) -> list[int]:
    """Return numbers of lists to look into, each twice the one before, up to a share of all."""
    most = max(1, nlist // _FAR)
    return sorted({max(1, most >> step) for step in range(_STEPS)})
