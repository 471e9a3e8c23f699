"""Say how a score comes about: its parts, what of a shopper's history counted, and the ways in the graph."""
