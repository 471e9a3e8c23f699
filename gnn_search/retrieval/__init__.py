"""Answer requests: ranked products for any pair of shopper and query."""
