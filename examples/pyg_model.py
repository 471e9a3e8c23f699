"""A PyTorch Geometric model on our sampler: two SAGE layers learn which products a user buys, from what was known before the test period.

Example:
    python examples/pyg_model.py demo/graph
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch_geometric.loader import NodeLoader
from torch_geometric.nn import HeteroConv, SAGEConv

from gnn_search import Graph
from gnn_search.graph.pyg import to_hetero_data
from gnn_search.sampling.pyg_sampler import ViewSampler

torch.manual_seed(0)
graph = Graph.open(Path(sys.argv[1]))
view = graph.before(graph.manifest.validation_start)
data = to_hetero_data(view)
BOUGHT, BUYERS = ("product", "rev_purchase", "user"), ("user", "purchase", "product")
embeddings = torch.nn.ModuleDict({kind: torch.nn.Embedding(data[kind].num_nodes, 16) for kind in ("user", "product")})
layers = torch.nn.ModuleList(HeteroConv({relation: SAGEConv((-1, -1), 16) for relation in (BOUGHT, BUYERS)}) for _ in range(2))
sampler = ViewSampler(view, {BOUGHT: [8, 4], BUYERS: [8, 4]})
loader = NodeLoader(data, sampler, input_nodes="user", batch_size=64)
optimiser: torch.optim.Optimizer | None = None

for epoch in range(3):
    sampler.set_epoch(epoch)
    total = 0.0
    for batch in loader:
        hidden = {kind: embeddings[kind](batch[kind].n_id) for kind in embeddings}
        edges = {relation: batch[relation].edge_index for relation in (BOUGHT, BUYERS)}
        for layer in layers:
            hidden = {kind: values.relu() for kind, values in layer(hidden, edges).items()}
        product, user = edges[BOUGHT]
        wrong = torch.randint(len(hidden["product"]), product.shape)
        margin = (hidden["user"][user] * (hidden["product"][product] - hidden["product"][wrong])).sum(dim=1)
        loss = -torch.nn.functional.logsigmoid(margin).mean()
        if optimiser is None:  # the layers' sizes are known after the first batch
            optimiser = torch.optim.Adam([*embeddings.parameters(), *layers.parameters()], lr=0.01)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        total += loss.item()
    print(f"epoch {epoch}: loss {total / len(loader):.3f}")
