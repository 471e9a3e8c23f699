"""Random numbers, neighbours, histories, negatives and batches, all drawn from the graph as it was.

`RandomSource`, `NeighborSampler`, `HistoryIndex` and `InputSampler` draw; `BatchSampler` makes each `Batch` for training.
"""
