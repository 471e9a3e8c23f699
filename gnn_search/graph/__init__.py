"""The typed graph: built once from tables, stored as memory-mapped arrays, viewed as it was at any time."""
