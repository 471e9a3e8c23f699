"""Shoppers and products that are not in the graph: read, and encoded by the code that encodes its nodes."""
