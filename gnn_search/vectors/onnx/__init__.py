"""The towers that a server needs at request time, as ONNX: text, and the user's influence on a query.

`write_onnx_towers` writes and checks them; `ServingTables` and `User` in `serving` need neither torch nor this package.
"""
