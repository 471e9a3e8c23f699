"""A trained model on disk: opened, checked and saved, with the embeddings of its nodes."""
