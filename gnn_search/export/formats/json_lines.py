"""Documents as lines of JSON, in files of bounded size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from gnn_search.export.documents import product_documents
from gnn_search.export.source import ExportSource
from gnn_search.layout import shard


def object_text(frame: pl.DataFrame) -> pl.Series:
    """Return each row as a JSON object without its null fields."""
    fields = [_field(name) for name in frame.columns]
    return frame.select(("{" + pl.concat_str(fields, separator=",", ignore_nulls=True) + "}").alias("json")).to_series()


def write_line_shards(source: ExportSource, folder: Path, suffix: str, lines: Callable[[pl.DataFrame], pl.Series]) -> None:
    """Write the products as `product-NNNNN.SUFFIX`; `lines` turns documents into as many texts, of one line or more each."""
    number, size = 0, 0
    for block in source.blocks(product_documents(source.model.graph)):
        text = "".join(f"{line}\n" for line in lines(block)).encode()
        if size and size + len(text) > source.shard_bytes:
            number, size = number + 1, 0
        with shard(folder, "product", number, suffix).open("ab") as file:
            file.write(text)
        size += len(text)


def _field(name: str) -> pl.Expr:
    # A struct of one field is an object in braces; without these it is a member.
    member = pl.struct(name).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")
    return pl.when(pl.col(name).is_not_null()).then(member)
