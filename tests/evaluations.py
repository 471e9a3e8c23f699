"""Evaluations put together by hand, whose figures can be told at a glance."""

from __future__ import annotations

from collections.abc import Mapping

from gnn_search.evaluation.result import Cost, Coverage, Difference, Evaluation, Score

LEADS: Mapping[str, Mapping[str, float]] = {
    "all": {"gnn-search, no user": 0.15, "own_history": 0.05, "bm25": 0.30},
    "repeat": {"gnn-search, no user": 0.30, "own_history": -0.02, "bm25": 0.40},
    "first-time": {"gnn-search, no user": 0.0, "own_history": 0.10, "bm25": 0.20},
    "new query": {"gnn-search, no user": 0.0, "own_history": 0.2, "bm25": -0.1},
}
"""By slice and method: how far the model is ahead. It finds .6 everywhere; a difference counts as significant unless it is 0."""
USERS: Mapping[str, int] = {"all": 99, "repeat": 80, "first-time": 90, "new query": 7}


def hand_made(leads: Mapping[str, Mapping[str, float]] = LEADS, **changes: object) -> Evaluation:
    """Return an evaluation with recall@10, recall@100 and novelty@10; intervals are ±.01."""
    methods = ("gnn-search", *next(iter(leads.values())))
    scores, differences = [], []
    for method in methods:
        for part, lead in leads.items():
            for metric, k in (("recall", 10), ("recall", 100), ("novelty", 10)):
                ahead = lead.get(method, 0.0)
                mean = (0.6 if k == 10 else 0.8) - ahead
                key = {"method": method, "slice": part, "metric": metric, "k": k, "cases": 10 * USERS[part], "users": USERS[part]}
                scores.append(Score(mean=mean, low=mean - 0.01, high=mean + 0.01, **key))
                if method != "gnn-search":
                    test = {"p_value": 0.001, "p_adjusted": 0.01 if ahead else 1.0, "effect_size": 0.3, "detectable": 0.012}
                    differences.append(Difference(reference="gnn-search", mean=ahead, low=ahead - 0.01, high=ahead + 0.01, **key, **test))
    values = {
        "graph": "small",
        "graph_hash": "0",
        "time": 0,
        "cases": 990,
        "users": 99,
        "candidates": 5000,
        "k": (10, 100),
        "n_resamples": 1000,
        "seed": 0,
        "methods": methods,
        "slices": tuple(leads),
        "reference": "gnn-search",
        "scores": tuple(scores),
        "differences": tuple(differences),
        "coverage": (Coverage(method="gnn-search", k=10, products=2000, share=0.4),),
        "costs": tuple(Cost(method=method, wall_seconds=1.98, cpu_seconds=3.96) for method in methods),
    }
    return Evaluation.model_validate(values | changes)
