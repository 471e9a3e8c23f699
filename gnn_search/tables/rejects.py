"""Rows that can't be used: set aside with a reason, counted, and too many of them stop the build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gnn_search.errors import TableError
from gnn_search.tables.scan import ROW, TableSource

REJECT_SCHEMA = pl.Schema({"table": pl.String(), "row": pl.Int64(), "reason": pl.String(), "record": pl.String()})


@dataclass(frozen=True)
class Checked:
    """A table parted into what can be used and what can't.

    Attributes:
        rows: The usable rows, without `ROW`.
        rejects: One row a reject: table, row (from 0, counted over the table's files in order), reason, record (JSON of its ids).
        read: Rows before the parting.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    read: int


def set_aside(frame: pl.DataFrame, faults: Mapping[str, pl.Expr], record: Sequence[str], source: TableSource, max_share: float) -> Checked:
    """Part a table's rows by their faults.

    Args:
        frame: The table with `ROW` first.
        faults: Reason to a Boolean expression that is true where the row has it; a row with several gets the first.
        record: Columns that go into a reject's record.
        source: Where the table came from.
        max_share: Largest share of rows, 0 to 1, that may be set aside.

    Raises:
        TableError: More rows than `max_share` have a fault, or no row is without.
    """
    flags = frame.select(fault.fill_null(False).alias(reason) for reason, fault in faults.items())
    bad = flags.select(pl.any_horizontal(pl.all())).to_series()
    reasons = pl.coalesce(pl.when(pl.col(reason)).then(pl.lit(reason)) for reason in flags.columns)
    rejects = frame.filter(bad).select(
        pl.lit(source.name).alias("table"),
        pl.col(ROW).alias("row"),
        flags.filter(bad).select(reasons.alias("reason")).to_series(),
        pl.struct(pl.col(name).cast(pl.String) if frame.schema[name].is_temporal() else name for name in record)
        .struct.json_encode()
        .alias("record"),
    )
    checked = Checked(frame.filter(~bad).drop(ROW), rejects.cast(REJECT_SCHEMA), frame.height)
    _refuse_too_many(checked, source, max_share)
    return checked


def _refuse_too_many(checked: Checked, source: TableSource, max_share: float) -> None:
    rejects, rejected = checked.rejects, checked.rejects.height
    if rejected <= max_share * checked.read and not checked.rows.is_empty():
        return
    counts = rejects.group_by("reason", maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in counts.iter_rows())
    examples = "; ".join(f"row {row} ({reason}) {record}" for _, row, reason, record in rejects.head(3).iter_rows())
    limit = "no usable row is left" if checked.rows.is_empty() else f"max_reject_share allows {max_share:.2%}"
    raise TableError(
        f"{rejected:,} of {checked.read:,} rows ({rejected / checked.read:.2%}) of the {source.name} table can't be used and {limit} "
        f"({reasons}); in {source.place}, rows counted from 0: {examples}; correct the table"
        + ("" if checked.rows.is_empty() else ", or raise max_reject_share in the recipe")
    )
