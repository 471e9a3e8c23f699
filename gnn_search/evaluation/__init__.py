"""Measure rankers on the full catalogue: cases, metrics, intervals and baselines."""
