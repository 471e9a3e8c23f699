"""Requests: users, queries and histories from Python and from files, read by one parser into columns."""
