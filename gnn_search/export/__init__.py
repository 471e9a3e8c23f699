"""What another program needs of a model: vectors, index, text tower, and files that search engines load.

`export_model` writes what `ExportSettings` say; `open_export` reads an `Export`; `measure_recall` tells what its numbers lose.
"""
