"""Fit what a model knows of new queries: how far known ones count for them, and how likely a list is to hold what is wanted."""

from __future__ import annotations

import numpy as np
import torch

from gnn_search.arrays import Float32, Int32, Int64, find_keys, spread_evenly
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.known_queries.weights import LenderWeights
from gnn_search.graph.store import Graph
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.two_tower import TwoTower
from gnn_search.rerank.candidates import CandidateIndex
from gnn_search.rerank.features import candidate_features
from gnn_search.rerank.scorer import RerankScorer
from gnn_search.rerank.understanding import FIRST, ConfidenceWeights, ProductTexts, Understanding, list_evidence
from gnn_search.rerank.word_matches import WordMatcher
from gnn_search.sampling.inputs import InputSampler
from gnn_search.sampling.random_source import RandomSource
from gnn_search.training.determinism import deterministic

_QUERIES = 1000
_BLOCK = 250
"""Texts whose lists are made at a time."""
_MAIN_SHARE = 0.2
"""Of a query's interactions, from which a category is a main one."""


def fit_understanding(config: TrainingConfig, graph: Graph, towers: TwoTower, inputs: InputSampler) -> Understanding:
    """Fit both for a model without a reranker, as of the start of the validation period."""
    encoder = NodeEncoder(towers, inputs, graph.before(graph.manifest.validation_start))
    with deterministic():
        encoder.use_lender_weights(fit_lender_weights(encoder, config.seed))
        confidence = fit_confidence(encoder, None, None, WordMatcher(graph, 0), config.seed)
    return Understanding(lenders=encoder.known_queries.weights, confidence=confidence)


@torch.no_grad()
def fit_lender_weights(encoder: NodeEncoder, seed: int) -> LenderWeights:
    """Fit how much a known query counts for a text that is like it, on the known queries themselves.

    Each of at most `_QUERIES`, spread over all, is taken as new twice: as it is, lending itself nothing, and with a typo, when it may.
    What is predicted is how much of its interactions and the lender's are in the same categories. Without categories nothing is fitted.
    """
    known = encoder.known_queries
    query = known.node[spread_evenly(len(known.node), _QUERIES)]
    if not len(query) or not encoder.has_history_categories.any():
        return LenderWeights()
    texts = encoder.view.graph.nodes("query")["query"].gather(query).to_list()
    typed = _with_typos(texts, seed)
    found = [
        (known.find(texts, encoder.encode_query_texts(query).numpy(), query), query),
        (known.find(typed, encoder.encode_texts(typed).numpy()), query),
    ]
    likeness = np.concatenate([lenders.likeness for lenders, _ in found])
    agreement = np.concatenate([_agreement(encoder, own[lenders.row], lenders.query) for lenders, own in found])
    return LenderWeights.fit(likeness, agreement)


@torch.no_grad()
def fit_confidence(
    encoder: NodeEncoder, index: CandidateIndex | None, scorer: RerankScorer | None, words: WordMatcher, seed: int
) -> ConfidenceWeights:
    """Fit how likely the head of a list is to fit, on known queries taken as new and on as many random strings.

    A list fits where one of its first ten products lies in a main category of the query. Without categories nothing is fitted.

    Args:
        encoder: As of the time of the fit.
        index: Candidates as of the same time; None without a reranker, when lists are the nearest by vector.
        scorer: Scores them.
        words: Matches words.
        seed: Of the random strings.
    """
    categories = encoder.categories
    query = encoder.known_queries.node[spread_evenly(len(encoder.known_queries.node), _QUERIES)]
    query = query[encoder.has_history_categories[query]]
    if not len(query):
        return ConfidenceWeights()
    texts = encoder.view.graph.nodes("query")["query"].gather(query).to_list()
    made_up = np.repeat([False, True], len(texts))
    texts, query = [*texts, *_random_strings(texts, seed)], np.concatenate([query, np.full_like(query, -1)])
    evidence, fits = [], []
    product_category = np.asarray(encoder.view.graph.taxonomy.product_category)
    products, num_categories = ProductTexts(encoder.view.graph), max(encoder.view.graph.taxonomy.num_categories, 1)
    for start in range(0, len(texts), _BLOCK):
        some, own = texts[start : start + _BLOCK], query[start : start + _BLOCK]
        listed, found = _listed(encoder, index, scorer, words, some, own, products)
        place, category, _ = categories.of(np.maximum(own, 0), _MAIN_SHARE)
        wanted = place * num_categories + category
        held = np.where(listed >= 0, product_category[listed], -1)
        key = np.arange(len(some))[:, None] * num_categories + held
        fits.append(((held >= 0) & np.isin(key, wanted)).any(axis=1) & (own >= 0))
        evidence.append(found)
    return ConfidenceWeights.fit(np.concatenate(evidence), np.concatenate(fits), made_up)


def _listed(
    encoder: NodeEncoder,
    index: CandidateIndex | None,
    scorer: RerankScorer | None,
    words: WordMatcher,
    texts: list[str],
    own: Int32,
    products: ProductTexts,
) -> tuple[Int32, Float32]:
    """Return the head of the list of each text, taken as a new query of nobody, and the evidence that it fits."""
    vectors = encoder.encode_texts(texts)
    lenders = encoder.known_queries.find(texts, vectors.numpy(), own)
    similarity = vectors @ encoder.products.T
    nearest = FIRST if index is None else max(index.settings.nearest, FIRST)
    near = similarity.topk(min(nearest, similarity.shape[1]), dim=1).indices.numpy().astype(np.int32)
    listed = near[:, :FIRST]
    if index is not None and scorer is not None:
        nobody = np.full(len(texts), -1, dtype=np.int32)
        matched = words.match(texts, nobody)
        found = index.find_candidates(nobody, nobody, lenders.best()[0], matched, near, lenders)
        features = candidate_features(index, nobody, nobody, lenders.best()[0], found, own, lenders)
        close = similarity[torch.from_numpy(found.row), torch.from_numpy(found.product).long()]
        score = scorer.score_candidates(torch.from_numpy(features), close).numpy()
        listed = _heads(found.row, found.product, score, listed)
    cosine = np.take_along_axis(similarity.numpy(), listed.astype(np.int64), axis=1)
    return listed, list_evidence(encoder.known_queries, texts, lenders, products, listed, cosine)


def _heads(row: Int64, product: Int32, score: Float32, near: Int32) -> Int32:
    """Return the best scored products of each row; all nearest are among them, so there are enough."""
    order = np.lexsort((product, -score, row))
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = rank < near.shape[1]
    heads = near.copy()
    heads[row[kept], rank[kept]] = product[order][kept]
    return heads


def _agreement(encoder: NodeEncoder, one: Int32, other: Int32) -> Float32:
    """Return how much of the interactions of two queries are in the same categories, float32 [n]: 1 where they share out alike."""
    categories, span = encoder.categories, max(encoder.view.graph.taxonomy.num_categories, 1)
    place, category, share = categories.of(other)
    order = np.argsort(place * span + category)
    key, share = (place * span + category)[order], share[order]
    place, category, own = categories.of(one)
    at = find_keys(key, place * span + category)
    both = np.where(at >= 0, np.minimum(own, share[np.maximum(at, 0)]), 0) if len(key) else own * 0
    return np.bincount(place, weights=both, minlength=len(one)).astype(np.float32)


def _with_typos(texts: list[str], seed: int) -> list[str]:
    """Return each text with one character left out, doubled, or swapped with the next."""
    drawn = RandomSource(seed).uniform("typos", 0, np.arange(len(texts), dtype=np.int64), 2)
    typed = []
    for text, (where, kind) in zip(texts, drawn.tolist(), strict=True):
        at = int(where * len(text))
        left, letter, right = text[:at], text[at : at + 1], text[at + 1 :]
        changed = (left + right, left + 2 * letter + right, left + right[:1] + letter + right[1:])[int(kind * 3)]
        typed.append(" ".join(changed.split()) or text)
    return typed


def _random_strings(texts: list[str], seed: int) -> list[str]:
    """Return strings as long as some texts: their characters mixed, characters of all texts, or one character again and again."""
    random = RandomSource(seed).generator("random strings", 0)
    alphabet = sorted({letter for text in texts for letter in text if not letter.isspace()})
    strings = []
    for place, text in enumerate(texts):
        letters = [letter for letter in text if not letter.isspace()]
        if place % 3 == 0:
            letters = [letters[at] for at in random.permutation(len(letters)).tolist()]
        elif place % 3 == 1:
            letters = [alphabet[at] for at in random.integers(0, len(alphabet), len(letters)).tolist()]
        else:
            letters = [alphabet[int(random.integers(0, len(alphabet)))]] * min(len(letters), 6)
        strings.append("".join(letters) or text)
    return strings
