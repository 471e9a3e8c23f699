"""Negative samplers, one a file, behind one small interface."""
