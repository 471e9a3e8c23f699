"""Recall@10 on validation cases over the full catalogue, the number that early stopping goes by."""

from __future__ import annotations

import numpy as np
import torch

from gnn_search.arrays import Bool
from gnn_search.graph.cases import Cases
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.training.divergence import refuse_divergence


@torch.no_grad()
def validation_recall(encoder: NodeEncoder, cases: Cases, held_out: Bool, k: int = 10, block: int = 512) -> float:
    """Return Recall@k: the mean share of each case's products among the k nearest of all products, ranked a block of cases at a time.

    The encoder's view is that of the start of the validation period. Queries that were held out of training count as new ones, by their
    texts alone, so that what is chosen by this number is good for new queries too.

    Shapes:
        - held_out: bool [queries]

    Raises:
        DivergenceError: A vector is not finite.
    """
    products = encoder.products
    requests = torch.empty((len(cases), products.shape[1]))
    new = held_out[cases.query]
    taught, cold = np.flatnonzero(~new), np.flatnonzero(new)
    requests[torch.from_numpy(taught)] = encoder.encode_requests(cases.user[taught], cases.query[taught])
    requests[torch.from_numpy(cold)] = encoder.encode_borrowing(cases.user[cold], cases.query[cold], cold=True)[0]
    for what, vectors in (("product", products), ("request", requests)):
        refuse_divergence(vectors, f"the vector of a {what}")
    places = min(k, len(products))
    top = torch.cat(
        [(requests[start : start + block] @ products.T).topk(places, dim=1).indices for start in range(0, len(requests), block)]
    ).numpy()
    relevant = cases.case_of_row() * len(products) + cases.product
    listed = np.arange(len(top))[:, None] * len(products) + top
    found = np.isin(listed, relevant).sum(axis=1)
    return float(np.mean(found / np.diff(cases.indptr)))
