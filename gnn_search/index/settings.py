"""How an index is made and searched, and the defaults that follow from the number of products."""

from __future__ import annotations

from math import isqrt
from typing import Literal, get_args

from pydantic import Field, model_validator

from gnn_search.config.base import Settings
from gnn_search.errors import RequestError
from gnn_search.index.full_vectors import Precision

IndexKind = Literal["flat", "fp16", "sq8", "ivf_flat", "ivf_sq8", "hnsw", "ivf_pq", "ivf_hnsw_pq", "factory"]
INDEX_KINDS: tuple[IndexKind, ...] = get_args(IndexKind)
QUANTISED = ("ivf_pq", "ivf_hnsw_pq")
"""Kinds that keep codes of 4 bits a part."""

FEWEST_ROWS = 16
"""Codes of 4 bits tell 16 vectors apart; FAISS learns them from no fewer."""
_ROWS_A_LIST = 39
"""Rows that k-means wants for each list, as FAISS has it."""


class IndexSettings(Settings):
    """Settings of one index; None follows from the number of products and the dimension, see `resolve`."""

    kind: IndexKind = Field("ivf_pq", description="How vectors are stored and searched.")
    factory: str | None = Field(None, description="FAISS's own description of an index, of kind factory alone; such as IVF1024,SQ8.")
    nlist: int | None = Field(None, ge=1, description="Lists of an inverted file; typically 4 times the root of the number of products.")
    nprobe: int | None = Field(None, ge=1, description="Lists that a query reads; typically 4 times the root of nlist.")
    hnsw_m: int = Field(32, ge=2, le=512, description="Links of a node of the HNSW graph.")
    ef_construction: int = Field(80, ge=1, description="Nodes kept in view while the HNSW graph is built.")
    ef_search: int = Field(256, ge=1, description="Nodes kept in view while the HNSW graph is searched.")
    pq_m: int | None = Field(None, ge=1, description="Parts of a vector, each coded in 4 bits; typically half the dimension.")
    full: Precision | Literal["none"] | None = Field(None, description="Type in which whole vectors are kept to re-rank candidates.")
    full_in: Literal["memory", "disk"] = Field("memory", description="Where whole vectors are kept; on disk they are memory-mapped.")
    candidates: int = Field(10, ge=1, description="Candidates re-ranked for each place of the list, at least 200.")
    seed: int = Field(0, ge=0, description="Seed of the sample that lists and codes are learned from, and of the learning.")

    @model_validator(mode="after")
    def _factory_alone(self) -> IndexSettings:
        if (self.kind == "factory") != (self.factory is not None):
            raise ValueError("give a factory string with kind factory, and with no other kind")
        return self

    @property
    def precision(self) -> Precision | None:
        """Type in which whole vectors are kept by resolved settings; None where they are not."""
        return None if self.full is None or self.full == "none" else self.full

    @property
    def full_place(self) -> str:
        """Where whole vectors lie, in words."""
        return f"{'on' if self.full_in == 'disk' else 'in'} {self.full_in}"

    def resolve(self, count: int, dimension: int) -> IndexSettings:
        """Return the settings for `count` products of `dimension` numbers, every number in place.

        Raises:
            RequestError: The kind needs more products, or the vectors can't be cut into so many parts.
        """
        if not count:
            raise RequestError("there is no product to index")
        nlist = self.nlist or max(1, min(4 * isqrt(count), count // _ROWS_A_LIST))
        pq_m = self.pq_m or next(part for part in range(max(1, dimension // 2), 0, -1) if dimension % part == 0)
        if self.kind in QUANTISED:
            if count < FEWEST_ROWS:
                raise RequestError(f"{count} products are too few for an index of kind {self.kind}, at least {FEWEST_ROWS} are; use flat")
            if dimension % pq_m:
                raise RequestError(f"vectors of {dimension} numbers can't be cut into {pq_m} equal parts; give pq_m as a divisor")
        if nlist > count:
            raise RequestError(f"nlist is {nlist}, more than the {count} products; give fewer lists")
        return self.model_copy(
            update={
                "nlist": nlist,
                "nprobe": min(nlist, self.nprobe or max(8, 4 * isqrt(nlist))),
                "pq_m": pq_m,
                "full": self.full or ("float32" if self.kind in QUANTISED else "none"),
            }
        )

    def code_bytes(self, dimension: int) -> float:
        """Return the least that resolved settings keep of a product in memory, whole vectors to re-rank by left out; 0 where unknown."""
        assert self.pq_m is not None
        number, links = 8, 8 * self.hnsw_m
        sizes: dict[IndexKind, float] = {
            "flat": 4 * dimension,
            "fp16": 2 * dimension,
            "sq8": dimension,
            "ivf_flat": 4 * dimension + number,
            "ivf_sq8": dimension + number,
            "hnsw": 4 * dimension + links,
            "ivf_pq": self.pq_m / 2 + number,
            "ivf_hnsw_pq": self.pq_m / 2 + number,
            "factory": 0,
        }
        return sizes[self.kind]

    def description(self) -> str:
        """Return what FAISS's `index_factory` makes of resolved settings."""
        texts: dict[IndexKind, str | None] = {
            "flat": "Flat",
            "fp16": "SQfp16",
            "sq8": "SQ8",
            "ivf_flat": f"IVF{self.nlist},Flat",
            "ivf_sq8": f"IVF{self.nlist},SQ8",
            "hnsw": f"HNSW{self.hnsw_m}",
            "ivf_pq": f"IVF{self.nlist},PQ{self.pq_m}x4fs",
            "ivf_hnsw_pq": f"IVF{self.nlist}_HNSW{self.hnsw_m},PQ{self.pq_m}x4fs",
            "factory": self.factory,
        }
        text = texts[self.kind]
        assert text is not None
        return text
