"""What another program needs of a model: vectors, index, text tower, and files that search engines load."""
