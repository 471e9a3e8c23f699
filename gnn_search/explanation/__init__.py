"""Say how a score comes about: its parts, what of a user's history counted, and the paths in the graph."""
