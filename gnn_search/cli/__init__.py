"""The command line: one small module per command, each loaded only when it is called.

`LazyGroup` in `main` loads the commands; `reporting` in `output` makes a command of a function that returns its result.
"""
