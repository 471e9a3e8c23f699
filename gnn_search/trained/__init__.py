"""A trained model on disk (`Model`, `open_model`, `save_model`), with the embeddings of its nodes (`NodeEmbeddings`)."""
