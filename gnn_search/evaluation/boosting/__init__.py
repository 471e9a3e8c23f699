"""Fit the weights of a boost on choices after the training period, and measure what it earns."""
