"""Parts of the cases that are reported on their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from gnn_search.arrays import Bool
from gnn_search.config.files import check
from gnn_search.config.slices import SlicesFile
from gnn_search.errors import ConfigError
from gnn_search.evaluation.case_table import ANONYMOUS, HEAD, HEAVY, LIGHT, NEW, TAIL, TORSO, case_table
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph

MOST_VALUES = 8
"""Values of one label, and top categories, that get a slice: those with the most cases."""

ALL_CASES = "all"
_IS_KNOWN = pl.col("user_id").is_not_null()
_FIXED: dict[str, pl.Expr] = {
    "repeat": pl.col("repeat") & _IS_KNOWN,
    "first-time": ~pl.col("repeat") & _IS_KNOWN,
    "new product": pl.col("product_kind") == NEW,
    "tail product": pl.col("product_kind") == TAIL,
    "new query": pl.col("query_kind") == NEW,
    "tail query": pl.col("query_kind") == TAIL,
    "torso query": pl.col("query_kind") == TORSO,
    "head query": pl.col("query_kind") == HEAD,
    "query does not name its category": ~pl.col("names_category"),
    "misspelt query": pl.col("misspelt"),
    "1 word": pl.col("words") == 1,
    "2 words": pl.col("words") == 2,
    "3 words": pl.col("words") == 3,
    "4 words or more": pl.col("words") >= 4,
    "anonymous": pl.col("user_kind") == ANONYMOUS,
    "new user": pl.col("user_kind") == NEW,
    "light user": pl.col("user_kind") == LIGHT,
    "heavy user": pl.col("user_kind") == HEAVY,
    "held-out user": pl.col("held_out_user"),
    "held-out product": pl.col("held_out_product"),
}
_CATEGORY = "category: "


@dataclass(frozen=True, eq=False)
class Slice:
    """A named part of the relevant rows.

    A case counts in a slice when it has at least one selected row, and only its selected rows count as relevant there.
    The ranked list stays the same, so the products that a slice leaves out still take up places.

    Shapes:
        - rows: bool [relevant rows of the cases]
    """

    name: str
    rows: Bool


def built_in_slices(cases: Cases, graph: Graph) -> list[Slice]:
    """Return the slices that every evaluation reports, without the empty ones.

    They are: all; one per label value; repeat and first-time interactions of known users; new and tail products; new, tail, torso and
    head queries, those that don't name the category of what was found, misspelt ones, and queries by words; anonymous, new, light and
    heavy users; what the recipe holds out; and the top categories. Kinds are those of `case_table`.
    """
    return report_slices(cases, graph, {}, declared=False)


def report_slices(cases: Cases, graph: Graph, further: Mapping[str, str], *, declared: bool = True) -> list[Slice]:
    """Return the built-in slices, those that the graph's recipe declares and further ones, without the empty ones.

    Args:
        cases: The cases.
        graph: The shop.
        further: Names and SQL expressions over the columns of `case_table`; one of a name that the recipe has stands in its place.
        declared: Take the recipe's slices too.

    Raises:
        ConfigError: An expression names an unknown column, can't be computed or is no condition, or a name is taken.
    """
    # What a folder says is held to the same grammar as what a recipe says.
    stored = graph.manifest.recipe.get("slices", {}) if declared else {}
    checked = [check({"slices": part}, SlicesFile, where) for part, where in ((stored, f"the graph {graph.path}"), (further, "slices"))]
    wanted = {name: text for part in checked for name, text in part.slices.items()}
    table = case_table(cases, graph)
    selected = table.select(condition.fill_null(False).alias(name) for name, condition in _FIXED.items())
    own = [Slice(name, _rows_of(table, name, text)) for name, text in wanted.items()]
    slices = [
        Slice(ALL_CASES, np.ones(table.height, dtype=np.bool_)),
        *_label_slices(cases, [ALL_CASES, *_FIXED, *wanted]),
        *(Slice(column.name, column.to_numpy()) for column in selected),
        *_category_slices(table["top_category"]),
        *own,
    ]
    return [part for part in slices if part.rows.any()]


def check_slices(declared: Mapping[str, str], schema: Mapping[str, pl.DataType]) -> None:
    """Refuse slices whose name is taken, and those that are no condition over the columns.

    Raises:
        ConfigError: One is.
    """
    ids = [dict(zip(("user_id", "product_id"), types, strict=True)) for types in product((pl.String(), pl.Int64()), repeat=2)]
    frames = [pl.DataFrame(schema={**schema, **types}) for types in ids]
    for name, text in declared.items():
        for frame in frames:
            try:
                _rows_of(frame, name, text)
                break
            except ConfigError:
                if frame is frames[-1]:
                    raise


def _rows_of(table: pl.DataFrame, name: str, text: str) -> Bool:
    if name == ALL_CASES or name in _FIXED or name.startswith(_CATEGORY):
        raise ConfigError(f"slice '{name}': every evaluation has a slice of this name; give yours another")
    expression = pl.sql_expr(text)
    unknown = [column for column in expression.meta.root_names() if column not in table.columns]
    if unknown:
        raise ConfigError(f"slice '{name}': the cases have no column '{unknown[0]}' (in {text}); they have {', '.join(table.columns)}")
    try:
        # Beside a column a single value is repeated.
        found = table.select(pl.col("words").alias(""), expression).drop("")
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"slice '{name}': {text} can't be computed ({reason}); correct it") from None
    if found.dtypes != [pl.Boolean]:
        got = ", ".join(str(kind) for kind in found.dtypes)
        raise ConfigError(f"slice '{name}': expected a condition, got {got} from {text}; write one such as words >= 3 AND repeat")
    return found.to_series().fill_null(False).to_numpy()


def _label_slices(cases: Cases, reserved: list[str]) -> list[Slice]:
    """Return a slice per label value, named by the value alone where no other slice has that name."""
    case, found = cases.case_of_row(), []
    for column in cases.labels.columns:
        counts = cases.labels[column].drop_nulls().value_counts(sort=True, name="_cases")
        for value in sorted(counts[column].head(MOST_VALUES).to_list()):
            found.append((column, str(value), (cases.labels[column] == value).fill_null(False).to_numpy()[case]))
    names = pl.Series([value for _, value, _ in found] + reserved, dtype=pl.String)
    shared = names.is_duplicated().to_list()
    return [Slice(f"{column}={value}" if shared[i] else value, rows) for i, (column, value, rows) in enumerate(found)]


def _category_slices(category: pl.Series) -> list[Slice]:
    """Return a slice for each of the top categories with the most relevant products."""
    counts = category.drop_nulls().value_counts(name="_rows").sort("_rows", category.name, descending=[True, False])
    largest = sorted(counts[category.name].head(MOST_VALUES).to_list())
    return [Slice(f"{_CATEGORY}{name}", (category == name).fill_null(False).to_numpy()) for name in largest]
