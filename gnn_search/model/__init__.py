"""The towers: text, product, query and user, and the towers that joins them in one space."""
