"""The cases that one method answers much better or much worse than another, with both lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from gnn_search.evaluation.comparison import Entry, ListedProduct, MovedCase
from gnn_search.evaluation.metrics.hits import Float64
from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.graph.csr import Int64


def find_moved(
    chosen: Sequence[tuple[RunFolder, str]],
    entries: Sequence[Entry],
    pair: tuple[int, int],
    values: Float64,
    finer: Float64,
    top: int,
) -> tuple[list[MovedCase], list[MovedCase]]:
    """Return the cases in which the first of a pair gains most over the second, and those in which it loses most.

    Args:
        chosen: Run and method of each entry.
        entries: What they are called.
        pair: Places of the later and the earlier entry.
        values: float64[entries, cases], the measure that counts.
        finer: float64[entries, cases], another one, by which ties are broken.
        top: How many cases to return at most, each way.
    """
    later, earlier = pair
    by = np.nan_to_num(values[later] - values[earlier])
    order = np.lexsort((np.arange(len(by)), -np.nan_to_num(finer[later] - finer[earlier]), -by))
    gained, lost = order[:top], order[::-1][:top]
    titles = _Titles([chosen[later][0], chosen[earlier][0]])
    lists = [run.method(name)["list"] for run, name in (chosen[later], chosen[earlier])]

    def show(cases: Int64) -> list[MovedCase]:
        found = []
        for case in cases.tolist():
            row = chosen[0][0].cases.row(case, named=True)
            relevant = row["relevant"]
            found.append(
                MovedCase(
                    later=entries[later].mark,
                    earlier=entries[earlier].mark,
                    case=case,
                    user_id=None if row["user_id"] is None else str(row["user_id"]),
                    query=row["query"],
                    chosen=titles.of(relevant, relevant),
                    value_later=float(values[later, case]),
                    value_earlier=float(values[earlier, case]),
                    list_later=titles.of(lists[0][case].to_list(), relevant),
                    list_earlier=titles.of(lists[1][case].to_list(), relevant),
                )
            )
        return found

    return show(gained[by[gained] > 0]), show(lost[by[lost] < 0])


class _Titles:
    """Looks up titles in the runs' own tables."""

    def __init__(self, runs: Sequence[RunFolder]) -> None:
        self._products = pl.concat([run.products.select("product_id", "title") for run in runs]).unique("product_id")

    def of(self, ids: Sequence[str | int], relevant: Sequence[str | int]) -> tuple[ListedProduct, ...]:
        rows = pl.DataFrame({"product_id": pl.Series(ids, dtype=self._products["product_id"].dtype)})
        titles = rows.join(self._products, on="product_id", how="left", maintain_order="left")["title"].to_list()
        return tuple(
            ListedProduct(product_id=str(one), title=title or "", chosen=one in relevant) for one, title in zip(ids, titles, strict=True)
        )
