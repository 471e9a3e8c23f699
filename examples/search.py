"""Search from Python: load a model once, then search for one user, for a new user with a history, and for many at once.

Example:
    python examples/search.py demo/model "frozen pizza" 1347
"""

from __future__ import annotations

import sys

from gnn_search import Request, Retriever

model, query, user = sys.argv[1:4]
retriever = Retriever.load(model)

print(f"{query} for user {user}")
found = retriever.search(query, user_id=user, k=3)
for hit in found:
    print(hit.rank, hit.product_id, hit.title, hit.category, round(hit.score, 3))

print(f"{query} for a new user who bought {found[0].title}")
for hit in retriever.search(query, history=[found[0].product_id], k=3):
    print(hit.rank, hit.product_id, hit.title, hit.category, round(hit.score, 3))

requests = [Request(query), Request(query, user_id=user), Request("a text that nobody has searched for", user_id=user)]
for request, hits in zip(requests, retriever.search_many(requests, k=1), strict=True):
    print(request.query, request.user_id, [hit.product_id for hit in hits], *hits.notes)
