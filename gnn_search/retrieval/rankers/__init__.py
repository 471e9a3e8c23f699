"""Encoded requests in, lists out: `VectorRanker`, `RerankedRanker`, `GraphRanker`, `LexicalRanker`, `FusedRanker`; see `build_ranker`."""
