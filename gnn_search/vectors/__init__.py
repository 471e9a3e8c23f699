"""Vectors of all nodes, kept and exported with the shop's own ids."""
