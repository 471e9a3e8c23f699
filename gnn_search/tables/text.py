"""One normal form for every query, whether it comes from a table or from the command line."""

from __future__ import annotations

import polars as pl


def normalise_query(expr: pl.Expr) -> pl.Expr:
    """Return the normal form of a text column: NFKC, lower case, white space collapsed to single spaces and stripped.

    Doing it twice changes nothing. Lower-casing can put combining marks out of canonical order, so NFKC follows it as well.

    Args:
        expr: A String expression; null stays null.
    """
    lowered = expr.str.normalize("NFKC").str.to_lowercase().str.normalize("NFKC")
    return lowered.str.replace_all(r"\s+", " ").str.strip_chars()


def normalise_text(text: str) -> str:
    """Return the normal form of one string, by the same code as `normalise_query`.

    A lone surrogate, as from a broken command line argument, becomes a question mark: no table can hold one.
    """
    storable = text.encode("utf-8", "replace").decode("utf-8")
    normal: str = pl.select(normalise_query(pl.lit(storable, dtype=pl.String))).item()
    return normal


def normalise_distinct(texts: pl.Series) -> pl.Series:
    """Return the normal form of a String column, working once on each distinct text: logs repeat their queries.

    Shapes:
        - texts: `(rows,)`, String
        - Returns `(rows,)`, String, in the same order
    """
    forms = pl.DataFrame({"text": texts.unique()}).with_columns(normal=normalise_query(pl.col("text")))
    joined = texts.to_frame("text").join(forms, on="text", how="left", maintain_order="left", nulls_equal=True)
    return joined["normal"].alias(texts.name)
