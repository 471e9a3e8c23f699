"""Answer requests: ranked products for any pair of user and query."""
