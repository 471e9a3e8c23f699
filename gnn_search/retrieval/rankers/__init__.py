"""Rankers: encoded requests in, lists of products out."""
