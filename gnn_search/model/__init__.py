"""The towers: text, product, query and user, and the retriever that joins them in one space."""
