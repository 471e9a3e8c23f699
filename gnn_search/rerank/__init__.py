"""Candidates from the graph, their features, and the scorer that re-ranks them."""
