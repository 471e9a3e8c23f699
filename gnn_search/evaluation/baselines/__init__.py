"""Baselines: simple rankers that a model has to beat, one a file."""
