"""Fit a boost to a model's vectors, and measure it on users and in a period that it was not fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from gnn_search.arrays import Bool, Float32, Float64, Int32
from gnn_search.config.base import StrictModel
from gnn_search.errors import RequestError
from gnn_search.evaluation.boosting.candidates import BoostCandidates
from gnn_search.evaluation.boosting.optimise import Optimum, find_weights
from gnn_search.evaluation.metrics.hits import Hits, find_places
from gnn_search.evaluation.metrics.relevance import RELEVANCE_METRICS
from gnn_search.evaluation.qrels import build_qrels
from gnn_search.evaluation.significance import clusters_of, mean_interval
from gnn_search.graph.cases import Cases, build_cases, take_cases
from gnn_search.graph.store import to_datetime
from gnn_search.index.boosting.boost import Boost, boosted_products, boosted_queries
from gnn_search.index.flat import FlatIndex
from gnn_search.progress import Progress
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.sampling.random_source import RandomSource
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import encode_nodes

Metric = Literal["recall", "ndcg"]

FITTED, OTHER_HALF, LATER = "fitted", "other half", "later"

_METRICS: tuple[Metric, ...] = ("recall", "ndcg")
_FAR = 100
"""The place whose distance to the first says how strong a boost may be."""
_BLOCK = 4096


@dataclass(frozen=True)
class FitSettings:
    """How weights are fitted.

    Attributes:
        cases: Most cases of each period; None for all.
        trials: About how many weights are tried for each action.
    """

    metric: Metric = "recall"
    k: int = 10
    cases: int | None = 20_000
    trials: int = 400
    n_resamples: int = 1000
    seed: int = 0


class Gain(StrictModel):
    """What a boost earns in one set of cases by one metric."""

    action: str = Field(description="The action that the weights are for; only products with this action are relevant.")
    part: str = Field(description="fitted: the half of the users that the weights were fitted on; other half; later: the test period.")
    metric: str
    k: int
    cases: int
    users: int = Field(description="Users among them; a case without one counts as its own.")
    plain: float = Field(description="Mean over the cases without a boost.")
    boosted: float
    gain: float = Field(description="boosted minus plain.")
    low: float = Field(description="Lower end of the paired 95 % bootstrap interval over users.")
    high: float


class WeightSearch(StrictModel):
    """How the weights of one action were found."""

    action: str
    weights: dict[str, float] = Field(description="By dimension, in units of the cosine.")
    tried: int
    refused: int = Field(description="Weights too strong to be tried: they would bring up products too far from the requests.")


class BoostReport(StrictModel):
    """How a boost was fitted, and what it earns."""

    out: Path | None = Field(None, description="Folder of the boost.")
    model: str
    graph: str
    fitted_as_of: datetime = Field(description="Time (UTC) as of which requests of the fit saw the graph: the start of validation.")
    as_of: datetime = Field(description="Time (UTC) of the stored qualities, and as of which the later cases saw the graph.")
    objective: str
    bound: float = Field(description="Largest weight allowed: the mean difference between the first cosine and the hundredth.")
    timeless: tuple[str, ...] = Field(description="Qualities without a time, taken as given: see that they were known before validation.")
    searches: tuple[WeightSearch, ...]
    gains: tuple[Gain, ...]
    seed: int
    n_resamples: int = Field(description="Bootstrap resamples.")


@dataclass(frozen=True, eq=False)
class EncodedPeriod:
    """The cases of a period with the vectors of their requests and of all products, as of its start.

    Shapes:
        - requests: float32 [cases, d]
        - products: float32 [products, d]
        - actions: bool [rows] by action, whether a relevant row has it
    """

    cases: Cases
    requests: Float32
    products: Float32
    actions: Mapping[str, Bool]

    def take(self, kept: Bool) -> EncodedPeriod:
        """Return the period with some of its cases: bool [cases]."""
        of_row = kept[self.cases.case_of_row()]
        actions = {action: rows_of[of_row] for action, rows_of in self.actions.items()}
        return EncodedPeriod(take_cases(self.cases, np.flatnonzero(kept)), self.requests[kept], self.products, actions)

    def places(self, index: FlatIndex, requests: Float32, k: int) -> Int32:
        """Search the whole catalogue for the places of the relevant products: int32 [rows], from 1, 0 where the list does not hold one."""
        place = np.zeros(len(self.cases.product), dtype=np.int32)
        width = min(k, index.count)
        for start in range(0, len(self.cases), _BLOCK):
            block = np.arange(start, min(start + _BLOCK, len(self.cases)), dtype=np.int64)
            row, found = find_places(index.search(requests[block], width)[1], block, self.cases)
            place[row] = found
        return place


def fit_boost(model: Model, boost: Boost, settings: FitSettings, progress: Progress | None = None) -> tuple[Boost, BoostReport]:
    """Fit weights to one half of the users of validation, and measure them on the other half and on the test period.

    The later window is the test period, not the rest of validation: there products and their qualities are encoded anew, as they will be
    where the boost is used, so a weight that fits only one state of a growing log is found out. The other half is for choosing qualities
    and settings.

    Args:
        model: The model.
        boost: Qualities as of the start of validation, without weights.
        settings: How to fit.
        progress: Called as the work goes on.

    Returns:
        The boost with qualities as of the start of the test period, and what was found.

    Raises:
        RequestError: A period holds no case, or one half of the users of validation none.
    """
    period = open_period(model, "validation", settings.cases, settings.seed)
    in_fit = half_of(period.cases, settings.seed)
    if in_fit.all() or not in_fit.any():
        raise RequestError(
            f"{model.graph.path}: one half of the users of the validation period has no case, of {len(in_fit)} in all; "
            "a boost can't be fitted and checked on so few"
        )
    fitting, other = period.take(in_fit), period.take(~in_fit)
    candidates = BoostCandidates(FlatIndex.build(fitting.products), fitting.requests, fitting.cases, boost.quality)
    bound = candidates.spread(_FAR)
    found = {action: _search(candidates, fitting, action, len(boost.dimensions), bound, settings, progress) for action in fitting.actions}
    fitted = replace(boost, weights={action: one.weights for action, one in found.items()})
    later = open_period(model, "test", settings.cases, settings.seed)
    served = fitted.at(model.graph.before(later.cases.time))
    gains = [
        gain
        for part, of_part, with_boost in ((FITTED, fitting, fitted), (OTHER_HALF, other, fitted), (LATER, later, served))
        for gain in measure_gains(of_part, with_boost, part, settings)
    ]
    report = BoostReport(
        model=str(model.path),
        graph=model.graph.manifest.name,
        fitted_as_of=to_datetime(boost.as_of),
        as_of=to_datetime(served.as_of),
        objective=f"{settings.metric}@{settings.k}",
        bound=bound,
        timeless=tuple(quality.name for quality in boost.qualities if quality.source != "log"),
        searches=tuple(
            WeightSearch(
                action=action,
                weights=dict(zip(boost.dimensions, one.weights.tolist(), strict=True)),
                tried=one.tried,
                refused=one.refused,
            )
            for action, one in found.items()
        ),
        gains=tuple(gains),
        seed=settings.seed,
        n_resamples=settings.n_resamples,
    )
    return served, report


def half_of(cases: Cases, seed: int) -> Bool:
    """Say which cases are of users in the fitting half; a case without a user is one of its own: bool [cases]."""
    user = cases.user.astype(np.int64)
    key = np.where(user >= 0, user, user.max(initial=0) + 1 + np.arange(len(user)))
    return np.asarray(RandomSource(seed).uint32("boost half", 0, key, 1)[:, 0] % 2 == 0)


def measure_gains(period: EncodedPeriod, boost: Boost, part: str, settings: FitSettings) -> list[Gain]:
    """Measure a boost by searches of the whole catalogue, with paired intervals over users.

    Args:
        period: Cases of the same time as the boost's qualities.
        boost: The boost.
        part: What the cases are called.
        settings: Metric, cut-off, resamples and seed.

    Returns:
        One entry for each action that any case has, by recall and by NDCG.
    """
    plain = period.places(FlatIndex.build(period.products), period.requests, settings.k)
    index, gains = FlatIndex.build(boosted_products(period.products, boost)), []
    for action in boost.weights:
        rows = period.actions.get(action)
        if rows is None or not rows.any():
            continue
        boosted = period.places(index, boosted_queries(period.requests, boost, action), settings.k)
        for metric in _METRICS:
            before, after = (case_values(period.cases, places, rows, metric, settings.k) for places in (plain, boosted))
            counted = ~np.isnan(before)
            columns, user = np.stack([before, after, after - before], axis=1)[counted], period.cases.user[counted]
            mean, low, high = mean_interval(columns, user, settings.n_resamples, settings.seed)
            gains.append(
                Gain(
                    action=action,
                    part=part,
                    metric=metric,
                    k=settings.k,
                    cases=len(columns),
                    users=int(clusters_of(user).max()) + 1,
                    plain=float(mean[0]),
                    boosted=float(mean[1]),
                    gain=float(mean[2]),
                    low=float(low[2]),
                    high=float(high[2]),
                )
            )
    return gains


def _search(
    candidates: BoostCandidates,
    period: EncodedPeriod,
    action: str,
    dimensions: int,
    bound: float,
    settings: FitSettings,
    progress: Progress | None,
) -> Optimum:
    rows = period.actions[action]
    if not rows.any():
        return Optimum(np.zeros(dimensions, dtype=np.float32), 0.0, 0.0, 0, 0)
    done = 0

    def objective(weights: Float32) -> float | None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(action, min(done, settings.trials), settings.trials)
        places = candidates.places(weights, settings.k)
        return None if places is None else float(np.nanmean(case_values(period.cases, places, rows, settings.metric, settings.k)))

    return find_weights(objective, dimensions, bound, settings.trials, settings.seed)


def open_period(model: Model, split: Literal["validation", "test"], limit: int | None, seed: int) -> EncodedPeriod:
    """Encode products and requests as of the start of a period."""
    cases = build_cases(model.graph, split, limit, seed)
    qrels = build_qrels(model.graph, cases, split, limit, seed)
    actions = dict(qrels.actions) or {model.graph.positive_actions[0]: np.ones(len(cases.product), dtype=np.bool_)}
    embeddings = encode_nodes(model, cases.time, ("product", "query"))
    products, encoder = embeddings.vectors["product"], RequestEncoder(model, embeddings)
    requests = np.empty((len(cases), products.shape[1]), dtype=np.float32)
    # Cases of one query together, so that the work of a query is done once.
    order = np.lexsort((cases.user, cases.query))
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        requests[block] = encoder.encode_nodes(cases.user[block], cases.query[block]).vector.numpy()
    return EncodedPeriod(cases, requests, products, actions)


def case_values(cases: Cases, places: Int32, rows: Bool, metric: Metric, k: int) -> Float64:
    """Return the metric of each case when only some of the relevant rows count.

    Shapes:
        - places: int32 [rows], from 1, 0 where the list does not hold it
        - rows: bool [rows]
        - returns: float64 [cases], NaN for a case without a row that counts
    """
    case_of_row = cases.case_of_row()
    relevant = np.bincount(case_of_row[rows], minlength=len(cases))
    hits = Hits.from_places(places, case_of_row, len(cases)).select(rows, relevant)
    return np.where(relevant > 0, RELEVANCE_METRICS[metric](hits, k), np.nan)
