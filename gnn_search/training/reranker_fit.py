"""Fit the reranker on the validation period, which the vectors have not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.arrays import Bool, Float32, Float64, Int32, Int64, expand_ranges
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.cases import Cases, build_cases
from gnn_search.graph.lexical.fields import searched_text
from gnn_search.graph.store import Graph
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.two_tower import TwoTower
from gnn_search.progress import Progress
from gnn_search.rerank.candidates import CandidateIndex
from gnn_search.rerank.features import candidate_features
from gnn_search.rerank.scorer import RerankScorer
from gnn_search.rerank.understanding import Understanding
from gnn_search.rerank.word_matches import WordMatcher
from gnn_search.sampling.augmentation import Augmenter
from gnn_search.sampling.batches import queries_held_out
from gnn_search.sampling.inputs import InputSampler
from gnn_search.sampling.random_source import RandomSource
from gnn_search.training.determinism import deterministic
from gnn_search.training.divergence import refuse_divergence
from gnn_search.training.understanding_fit import fit_confidence, fit_lender_weights

_BLOCK = 1024
_TOP = 10
_MOST_REPEATS = 20
"""Times that a case of a new query is fitted a pass, at most."""
_HALF_STREAM, _DROPOUT_STREAM, _ORDER_STREAM, _COLD_STREAM = "walk half", "walk user", "walk fit", "walk unasked"
"""Purposes of the random draws. They key the random numbers: other words would mean other draws, and so other fits."""


def _silent(stage: str, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class RerankExamples:
    """Candidates of some cases: described ones, which the graph gives or which are nearest by vector, and the next nearest.

    Shapes:
        - indptr: int64 [cases + 1], the candidates of each
        - features: float32 [described, features]
        - feature_row: int64 [candidates], the row of its features, -1 for one that is not described
        - similarity: float32 [candidates]
        - relevant: bool [candidates]
        - wanted: int64 [cases], relevant products, candidates or not
        - group: int64 [cases], the user's half of the cross-fit
        - from_graph: bool [described], from the graph, not only near by vector
        - new: bool [cases], the query had no interaction before
        - altered: bool [cases], the user was left out or the query taken as new, so that the case counts in no recall
    """

    indptr: Int64
    features: Float32
    feature_row: Int64
    similarity: Float32
    relevant: Bool
    wanted: Int64
    group: Int64
    from_graph: Bool
    new: Bool
    altered: Bool


@dataclass(frozen=True)
class RerankerFit:
    """A fitted scorer, and what it reaches on users that it was not fitted on.

    Attributes:
        scorer: Fitted on all cases.
        cases: How many.
        understanding: How far known queries count for new ones, and how likely a list is to fit.
        recall: Validation Recall@10 of `vector`, `graph` and `reranked`, each user scored by a fit on the other half of the users.
    """

    scorer: RerankScorer
    cases: int
    recall: dict[str, float]
    understanding: Understanding


def fit_reranker(config: TrainingConfig, graph: Graph, towers: TwoTower, inputs: InputSampler, progress: Progress = _silent) -> RerankerFit:
    """Fit the reranker of trained towers; `progress` is called after each block of cases."""
    cases = build_cases(graph, "validation", config.reranker.cases, config.seed)
    encoder = NodeEncoder(towers, inputs, graph.before(cases.time))
    index = CandidateIndex(encoder.view, config.reranker, inputs.history, encoder.categories)
    with deterministic():
        encoder.use_lender_weights(fit_lender_weights(encoder, config.seed))
        examples = gather(config, encoder, index, cases, progress)
        halves = _fit_halves(config, examples, progress)
        parts = []
        for half, scorer in enumerate(halves):
            held_out = np.flatnonzero((examples.group != half) & ~examples.altered)
            parts.append((len(held_out), _recalls(scorer, examples, held_out)))
        recall = np.sum([size * recalls for size, recalls in parts], axis=0) / max(sum(size for size, _ in parts), 1)
        scorer = fit(config, examples, np.arange(len(examples.wanted)), progress)
        confidence = fit_confidence(encoder, index, scorer, WordMatcher(graph, config.reranker.words), config.seed)
    understanding = Understanding(lenders=encoder.known_queries.weights, confidence=confidence)
    return RerankerFit(scorer, len(cases), dict(zip(("vector", "graph", "reranked"), recall.tolist(), strict=True)), understanding)


def cross_fit(config: TrainingConfig, encoder: NodeEncoder, index: CandidateIndex, cases: Cases) -> tuple[RerankScorer, RerankScorer]:
    """Fit one scorer on either half of the users, so that each can be measured on the other half; halves as in `user_halves`."""
    with deterministic():
        return _fit_halves(config, gather(config, encoder, index, cases))


def user_halves(cases: Cases, seed: int) -> Int64:
    """Return the half, 0 or 1, of each case's user; a case without one is a user of its own: int64 [cases]."""
    user = cases.user.astype(np.int64)
    key = np.where(user >= 0, user, user.max(initial=0) + 1 + np.arange(len(cases)))
    return RandomSource(seed).uint32(_HALF_STREAM, 0, key, 1)[:, 0].astype(np.int64) & 1


@torch.no_grad()
def gather(
    config: TrainingConfig,
    encoder: NodeEncoder,
    index: CandidateIndex,
    cases: Cases,
    progress: Progress = _silent,
    *,
    beyond: int = 50,
    most_scores: int = 1 << 27,
) -> RerankExamples:
    """Collect the candidates of cases, with the `beyond` next nearest products, which are not described; hold at most `most_scores`.

    Some cases have their user left out, so that plain requests are learned too. Some are there again as if their query were new, as it is
    and with noise: new queries are rare in any one period, and without them a fit would rely on what they do not have. They are those of
    the queries that the vectors were not taught, so that what is learned holds for new ones.
    """
    random = RandomSource(config.seed)
    dropped = random.uniform(_DROPOUT_STREAM, 0, np.arange(len(cases), dtype=np.int64), 1)[:, 0] < config.reranker.user_dropout
    user = np.where(dropped, -1, cases.user).astype(np.int32)
    graph = index.view.graph
    again = _cold_cases(config, index, cases, random)
    queries, products = graph.nodes("query")["query"].to_list(), searched_text(graph).to_list()
    augmenter = Augmenter(config.augmentation, queries, products, random)
    parts, features, order = [], [], []
    words = WordMatcher(index.view.graph, config.reranker.words)
    size = max(1, min(_BLOCK, most_scores // index.num_products))
    for case, kind in ((np.arange(len(cases), dtype=np.int64), "known"), (again, "cold"), (again, "noisy")):
        # By user, so that a user's cases share the search for partners.
        case = case[np.argsort(user[case], kind="stable")]
        order.append(case)
        for start in range(0, len(case), size):
            block = case[start : start + size]
            texts = augmenter.with_noise(cases.query[block], start) if kind == "noisy" else None
            found = _gather_block(encoder, index, words, cases, user, block, beyond, cold=kind == "cold", texts=texts)
            features.append(found[0])
            parts.append(found[1:])
            progress("candidates of the reranker", sum(len(part[3]) for part in parts), len(cases) + 2 * len(again))
    reached = np.cumsum([0] + [len(described) for described in features])
    feature_row = [np.where(part[0] >= 0, part[0] + start, -1) for part, start in zip(parts, reached, strict=False)]
    case = np.concatenate(order)
    return RerankExamples(
        indptr=np.cumsum(np.r_[0, np.concatenate([part[3] for part in parts])]),
        features=_joined(features),
        feature_row=np.concatenate(feature_row),
        similarity=np.concatenate([part[1] for part in parts]),
        relevant=np.concatenate([part[2] for part in parts]),
        wanted=np.diff(cases.indptr)[case],
        from_graph=np.concatenate([part[4] for part in parts]),
        group=user_halves(cases, config.seed)[case],
        new=(index.query_totals[0][cases.query[case]] == 0) | (np.arange(len(case)) >= len(cases)),
        altered=dropped[case] | (np.arange(len(case)) >= len(cases)),
    )


def fit(config: TrainingConfig, examples: RerankExamples, case: Int64, progress: Progress = _silent) -> RerankScorer:
    """Fit a scorer on some cases: each relevant product against all candidates that are not.

    Cases of new queries are fitted several times a pass where they are few.

    Where there is nothing to learn from, no case or none with a candidate, the order stays the vectors'.

    Shapes:
        - case: int64 [cases]
    """
    settings = config.reranker
    features = torch.from_numpy(examples.features)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        scorer = RerankScorer(features.shape[1], settings.hidden)
    if not len(case) or not len(features):
        for parameter in scorer.parameters():
            nn.init.zeros_(parameter)
        return scorer.eval()
    new = case[examples.new[case]]
    # As often as makes the share that new queries are to have.
    wanted = settings.new_query_share / (1 - settings.new_query_share) * (len(case) - len(new))
    times = int(np.clip(np.ceil(wanted / max(len(new), 1)), 1, _MOST_REPEATS))
    case = np.concatenate([case, np.repeat(new, times - 1)])
    scorer.standardise(features)
    optimiser = torch.optim.AdamW(scorer.parameters(), lr=settings.learning_rate, weight_decay=1e-4)
    a_pass = -(-len(case) // settings.batch_size)
    epochs = max(settings.epochs, -(-settings.least_steps // a_pass))
    steps = epochs * a_pass
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step, batch in enumerate(_batches(case, epochs, settings.batch_size, config.seed), 1):
        both, alone, relevant, _ = _scores(scorer, examples, features, batch)
        loss = _loss(both, relevant) + _loss(alone, relevant)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        progress("fitting the reranker", step * settings.batch_size, steps * settings.batch_size)
    for name, weight in scorer.named_parameters():
        refuse_divergence(weight, f"{name} of the reranker", "reranker")
    with torch.no_grad():
        both, _, _, empty = _scores(scorer, examples, features, case[:_BLOCK])
    refuse_divergence(both.masked_fill(empty, 0.0), "a score of the reranker", "reranker")
    return scorer.eval()


def _fit_halves(config: TrainingConfig, examples: RerankExamples, progress: Progress = _silent) -> tuple[RerankScorer, RerankScorer]:
    first, second = (fit(config, examples, np.flatnonzero(examples.group == half), progress) for half in (0, 1))
    return first, second


def _scores(scorer: RerankScorer, examples: RerankExamples, features: Tensor, case: Int64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return [cases, width]: full scores, the graph's alone (-inf where it gives none), which are relevant, and which places are empty."""
    row, place = expand_ranges(examples.indptr[case], examples.indptr[case + 1])
    sizes = examples.indptr[case + 1] - examples.indptr[case]
    shape = (len(case), max(int(sizes.max(initial=1)), 1))
    position = row * shape[1] + np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    similarity = torch.from_numpy(examples.similarity[place])
    # Only what is described costs a pass through the network; the rest of the rectangle stays as it is.
    described = np.flatnonzero(examples.feature_row[place] >= 0)
    feature_row = examples.feature_row[place[described]]
    numbers, at = features[torch.from_numpy(feature_row)], torch.from_numpy(position[described])
    nothing = similarity.new_full((shape[0] * shape[1],), float("-inf"))
    both = nothing.index_copy(0, torch.from_numpy(position), scorer.score_others(similarity))
    both = both.index_copy(0, at, scorer.score_candidates(numbers, similarity[torch.from_numpy(described)]))
    from_graph = torch.from_numpy(examples.from_graph[feature_row])
    alone = nothing.index_copy(0, at, scorer.score_candidates_alone(numbers).masked_fill(~from_graph, float("-inf")))
    empty = torch.ones(shape[0] * shape[1], dtype=torch.bool)
    empty[torch.from_numpy(position)] = False
    relevant = torch.zeros(shape[0] * shape[1], dtype=torch.bool)
    relevant[torch.from_numpy(position)] = torch.from_numpy(examples.relevant[place])
    return both.reshape(shape), alone.reshape(shape), relevant.reshape(shape), empty.reshape(shape)


def _loss(score: Tensor, relevant: Tensor) -> Tensor:
    """Return the mean softmax loss of each case's relevant candidates, none of which stands against another."""
    relevant = relevant & torch.isfinite(score)
    against = torch.logsumexp(score.masked_fill(relevant, -1e9).clamp(min=-1e9), dim=1, keepdim=True)
    per_case = relevant.sum(dim=1)
    losses = torch.where(relevant, functional.softplus(against - score), 0.0).sum(dim=1) / per_case.clamp(min=1)
    return losses.sum() / (per_case > 0).sum().clamp(min=1)


@torch.no_grad()
def _recalls(scorer: RerankScorer, examples: RerankExamples, case: Int64) -> Float64:
    """Return Recall@10 of the vectors, the graph and both: float64 [3]."""
    found = []
    for start in range(0, len(case), _BLOCK):
        block = case[start : start + _BLOCK]
        both, alone, relevant, empty = _scores(scorer, examples, torch.from_numpy(examples.features), block)
        similarity = both.new_full(both.shape, float("-inf"))
        similarity[~empty] = torch.from_numpy(examples.similarity[expand_ranges(examples.indptr[block], examples.indptr[block + 1])[1]])
        for score in (similarity, alone, both):
            top = score.topk(min(_TOP, score.shape[1]), dim=1)
            hits = (relevant.gather(1, top.indices) & torch.isfinite(top.values)).sum(dim=1).numpy()
            found.append(np.sum(hits / examples.wanted[block]))
    return np.asarray(np.reshape(found, (-1, 3)).sum(axis=0) / max(len(case), 1))


def _batches(case: Int64, epochs: int, size: int, seed: int) -> Iterator[Int64]:
    source = RandomSource(seed)
    for epoch in range(epochs):
        order = source.generator(_ORDER_STREAM, epoch).permutation(case)
        for start in range(0, len(order), size):
            yield np.sort(order[start : start + size])


def _texts(graph: Graph, query: Int32) -> list[str]:
    texts: list[str] = graph.nodes("query")["query"].gather(query).to_list()
    return texts


def _cold_cases(config: TrainingConfig, index: CandidateIndex, cases: Cases, random: RandomSource) -> Int64:
    """Draw the cases whose queries are also taken as new: int64 [drawn].

    Those of the queries that the vectors were not taught; where there are none, one of each query that is not new.
    """
    held_out = queries_held_out(index.view.graph, config.augmentation.held_out_queries, config.seed)
    known = np.flatnonzero(held_out[cases.query] & (index.query_totals[0][cases.query] > 0))
    if not len(known):
        return _one_a_query(index, cases, config.reranker.cold_query_share, random)
    return np.sort(random.generator(_COLD_STREAM, 0).permutation(known)[: int(config.reranker.cold_query_share * len(cases))])


def _one_a_query(index: CandidateIndex, cases: Cases, share: float, random: RandomSource) -> Int64:
    """Draw one case of each query that is not new, at most a share of all cases: int64 [drawn]."""
    known = np.flatnonzero(index.query_totals[0][cases.query] > 0)
    mixed = random.generator(_COLD_STREAM, 0).permutation(known)
    first = np.sort(np.unique(cases.query[mixed], return_index=True)[1])
    return mixed[first][: int(share * len(cases))].astype(np.int64)


def _joined(parts: list[Float32]) -> Float32:
    """Return the parts one below the other, and let each go as soon as it is copied: they are by far the most memory of a fit."""
    joined = np.empty((sum(len(part) for part in parts), parts[0].shape[1]), dtype=np.float32)
    end = len(joined)
    while parts:
        part = parts.pop()
        joined[end - len(part) : end] = part
        end -= len(part)
    return joined


def _gather_block(
    encoder: NodeEncoder,
    index: CandidateIndex,
    words: WordMatcher,
    cases: Cases,
    user: Int32,
    block: Int64,
    beyond: int,
    *,
    cold: bool,
    texts: list[str] | None,
) -> tuple[Float32, Int64, Float32, Bool, Int64, Bool]:
    """Collect the candidates of some cases.

    A cold query is taken as new, and as if nobody had searched it. One with another text is taken as new, and may borrow from itself, as
    a typo may from the right word.
    """
    who, query = user[block], cases.query[block]
    request, history_query, lenders = encoder.encode_borrowing(who, query, cold=cold or texts is not None, texts=texts)
    score = request @ encoder.products.T
    described = min(index.settings.nearest, score.shape[1])
    near = score.topk(min(described + beyond, score.shape[1]), dim=1).indices.numpy().astype(np.int32)
    if texts is None:
        distinct, text = np.unique(query, return_inverse=True)
        matched = words.match(_texts(index.view.graph, distinct), distinct.astype(np.int32)).take(text)
    else:
        matched = words.match(texts, np.full_like(query, -1))
    known = np.full_like(query, -1) if cold or texts is not None else query
    found = index.find_candidates(who, known, history_query, matched, near[:, :described], lenders)
    found_key = found.row * index.num_products + found.product
    near_key = (np.arange(len(block))[:, None] * index.num_products + near).ravel()
    key = np.union1d(found_key, near_key)
    place = np.searchsorted(found_key, key)
    place = np.where(np.r_[found_key, -1][place] == key, place, -1)
    row = key // index.num_products
    owned, position = expand_ranges(cases.indptr[block], cases.indptr[block + 1])
    relevant = np.isin(key, owned * index.num_products + cases.product[position])
    features = candidate_features(index, who, known, history_query, found, query if cold else None, lenders)
    sizes = np.bincount(row, minlength=len(block)).astype(np.int64)
    return features, place, score.numpy().ravel()[key], relevant, sizes, found.from_graph
