"""Nearest-product search: build, save, open, boost, measure and tune an index. The only folder that imports FAISS."""

# torch comes before FAISS: each brings an OpenMP of its own, and in the other order some systems stop in a deadlock.
import torch  # noqa: F401
