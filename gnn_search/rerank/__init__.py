"""Candidates from the graph (`CandidateIndex`), their features (`candidate_features`), and the `RerankScorer` that re-ranks them."""
