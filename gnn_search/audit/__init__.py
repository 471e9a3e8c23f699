"""Leaks and faults that make offline numbers wrong, looked for in the stored bytes of a graph and of a model."""
