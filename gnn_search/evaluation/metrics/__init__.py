"""Metrics of ranked lists over the full catalogue.

`recall`, `ndcg` and others take `Hits`; `Novelty`, `Diversity` and `RepeatShare` take lists alone; `measures` names them all.
"""
