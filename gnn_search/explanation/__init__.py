"""Say how a score comes about: its parts, what of a user's history counted, and the paths in the graph.

`Explainer` gives an `Explanation`; `split_cosine` and `split_score` take scores apart; `PathFinder` finds the paths.
"""
