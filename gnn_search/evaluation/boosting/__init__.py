"""Fit the weights of a boost on interactions after training (`fit_boost`), and measure what it earns (`measure_gains`)."""
