"""Fit the weights of a boost on interactions after the training period, and measure what it earns."""
