"""Check for relevant products that no list can hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from gnn_search.audit.check import MOST_EXAMPLES, Check, Observation, share
from gnn_search.audit.shop import AuditedShop

_MANY = 0.001
"""Share of the events above which those set aside are worth a warning."""


def _lost(shop: AuditedShop) -> Iterator[Observation]:
    lost = np.flatnonzero(shop.lost)
    if len(lost):
        yield Observation(
            severity="error",
            count=len(lost),
            meaning="Examples name a user, query or product that the graph does not have, so no list can hold the relevant product.",
            advice="Build the graph again from its tables.",
            examples=shop.event_examples(lost, shop.stored_events),
        )


def _left_out(shop: AuditedShop) -> Iterator[Observation]:
    rejects = pl.read_parquet(shop.graph.layout.rejects).filter(table="events", reason="unknown product")
    if rejects.is_empty():
        return
    read = shop.manifest.rows_read["events"]
    records = rejects["record"].head(MOST_EXAMPLES).str.json_decode(pl.Struct({"query": pl.String, "product_id": pl.String}))
    yield Observation(
        severity="warning" if rejects.height > _MANY * read else "note",
        count=rejects.height,
        meaning=f"Events of products that the catalogue lacks were set aside at the build ({share(rejects.height, read)} of the events): "
        "they are missing from every figure.",
        advice="Add these products to the catalogue (also those no longer sold); rejects.parquet lists the rows.",
        examples=tuple(dict(record) for record in records),
    )


LOST_EVENTS = Check("lost-events", "examples whose user, query or product the graph lacks", _lost)
LEFT_OUT = Check("left-out-products", "events set aside because the catalogue lacks their product", _left_out)
