"""Nearest-product search: build, save, open, boost, measure and tune an index. The only folder that imports FAISS.

`build_index` and `open_index` give a `ProductIndex`, of the `IndexSettings`; `tune` finds good ones; `ProductFilter` leaves products out.
"""

# torch comes before FAISS: each brings an OpenMP of its own, and in the other order some systems stop in a deadlock.
import torch  # noqa: F401
