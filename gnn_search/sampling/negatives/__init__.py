"""Negative samplers, one a file, behind one small interface.

`build_samplers` makes each `SharedNegativeSampler` and `OwnNegativeSampler`; `KnownPositives` says what is none.
"""
