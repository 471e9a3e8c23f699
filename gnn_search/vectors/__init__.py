"""Vectors of products, users and queries that are not in the graph, and towers in the files of other programs.

`embed` and `Embedder` encode what files hold, `read_new_products` reads products; `write_text_model` writes the text tower.
"""
