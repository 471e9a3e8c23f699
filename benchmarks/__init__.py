"""Measurements of speed and size, each run by a command of its own."""
