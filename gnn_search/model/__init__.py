"""The towers: text, product, query and user, the model that joins them, and its losses."""
