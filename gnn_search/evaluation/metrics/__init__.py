"""Metrics of ranked lists over the full catalogue, one a module."""
