"""Recall, NDCG and MRR of each case, computed by PyG's metric classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.metrics import LinkPredMRR, LinkPredNDCG, LinkPredRecall
from torch_geometric.metrics.link_pred import LinkPredMetric

from gnn_search.graph.cases import Cases
from gnn_search.graph.pairs import find_keys

_CLASSES: dict[str, type[LinkPredMetric]] = {"recall": LinkPredRecall, "ndcg": LinkPredNDCG, "mrr": LinkPredMRR}


@dataclass(frozen=True)
class Measure:
    """A metric at a cut-off.

    With R the relevant products of a case, r_i whether place i of the list is relevant, and sums over the first k places:

        recall@k = sum r_i / |R|
        ndcg@k   = sum r_i / log2(i + 1) / sum over i <= min(k, |R|) of 1 / log2(i + 1)
        mrr@k    = 1 / the first i with r_i, or 0
    """

    metric: str
    k: int

    def __str__(self) -> str:
        return f"{self.metric}@{self.k}"


def measures(k: Sequence[int]) -> list[Measure]:
    """Return every metric at every cut-off."""
    return [Measure(metric, cut) for metric in _CLASSES for cut in k]


def relevant_keys(cases: Cases, num_products: int) -> NDArray[np.int64]:
    """Return case * products + product of every relevant row, int64[rows], which is ascending as cases and products are."""
    return cases.case_of_row() * num_products + cases.product


def find_relevant(product: NDArray[np.int32], case: NDArray[np.int64], keys: NDArray[np.int64], num_products: int) -> NDArray[np.int64]:
    """Look up every place of some ranked lists among the relevant rows.

    Args:
        product: The lists, -1 is padding.
        case: The case of each list.
        keys: `relevant_keys` of all cases.
        num_products: Size of the catalogue.

    Returns:
        The relevant row that a place holds, -1 where it holds none.

    Shapes:
        product: int32[lists, k]; case: int64[lists]; result: int64[lists, k].
    """
    wanted = case[:, None] * num_products + product
    # Padding would otherwise read as the last product of the case before.
    return np.where(product < 0, np.int64(-1), find_keys(keys, wanted))


def score_lists(relevance: NDArray[np.bool_], relevant: NDArray[np.int64], wanted: Sequence[Measure]) -> NDArray[np.float64]:
    """Score ranked lists.

    Args:
        relevance: Whether each place of a list holds a relevant product.
        relevant: How many relevant products the case has, found or not; at least 1.
        wanted: The measures.

    Returns:
        One value a measure and list. Lists shorter than a cut-off count as if they ended in irrelevant products.

    Shapes:
        relevance: bool[lists, places]; relevant: int64[lists]; result: float64[measures, lists].
    """
    data = _JudgedLists(torch.from_numpy(relevance), torch.from_numpy(relevant))
    rows = [_CLASSES[measure.metric](measure.k)._compute(data).numpy() for measure in wanted]
    return np.stack(rows).astype(np.float64)


@dataclass(frozen=True, eq=False)
class _JudgedLists:
    """Stands in for PyG's `LinkPredMetricData`, whose own matching of lists and truth takes padding for a product."""

    pred_rel_mat: Tensor
    label_count: Tensor

    @property
    def label_weight_sum(self) -> Tensor:
        return self.label_count
