"""Personalised product retrieval over a typed graph of users, queries, products and categories."""

from __future__ import annotations

__version__ = "0.1.0"
