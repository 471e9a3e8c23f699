"""Baselines: simple rankers that a model has to beat, one a file.

`build_baselines` makes those that `BASELINES` names, such as `Popularity`, `Bm25`, `RecentHistory` and `LightGcn`.
"""
