"""Figures and lists for a report that someone reads who never saw the project."""
