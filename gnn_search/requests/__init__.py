"""Requests: users, queries and histories from Python and from files, read by one parser into columns.

`RequestParser` turns each `Request`, and `RequestFile` a file of them, into a `RequestBatch`; `read_user_file` reads users and pasts.
"""
