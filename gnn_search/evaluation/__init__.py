"""Measure rankers on the full catalogue: cases, metrics, intervals and baselines.

`evaluate` gives an `Evaluation`, `compare` a `Comparison`; `Evaluator` scores a `Run`; `Bootstrap` and `permutation_test` test them.
"""
