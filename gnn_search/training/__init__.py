"""The training loop, its optimisers, checkpoints and validation.

`train_model` trains everything and saves the model; `train` is the loop of the towers, and `fit_reranker` comes after it.
"""
