"""Random numbers, neighbours, histories, negatives and batches, all drawn from the graph as it was."""
