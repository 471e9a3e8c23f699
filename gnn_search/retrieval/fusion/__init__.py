"""Make one list of several channels': `join_channels`, scores by `reciprocal_ranks` or `WeightedSum`, weights by `fit_fusion`."""
