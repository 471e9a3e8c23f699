"""The typed graph: built once from tables, stored as memory-mapped arrays, viewed as it was at any time.

`build_graph` makes a `Graph`, a `GraphView` shows it at a time; `Taxonomy` holds its categories; `build_cases` gives what is measured.
"""
