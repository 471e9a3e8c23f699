"""Nearest-product search. The only folder that imports FAISS."""
