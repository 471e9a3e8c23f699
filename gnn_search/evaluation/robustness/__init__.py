"""How a model does on words that nobody typed before: test queries with a small change, and labelled queries of a file.

`perturb` changes queries, `measure_perturbed` ranks and scores them, `read_typed_queries` and `measure_typed` do so for those of a file.
"""
