"""Fit a boost to a model's vectors, and measure it on shoppers and in a period that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gnn_search.errors import RequestError
from gnn_search.evaluation.boosting.candidates import Candidates
from gnn_search.evaluation.boosting.optimise import Found, find_weights
from gnn_search.evaluation.boosting.period import Period, open_period
from gnn_search.evaluation.boosting.result import BoostReport, Gain, Search
from gnn_search.evaluation.boosting.values import METRICS, Metric, case_values
from gnn_search.evaluation.intervals import clusters_of, mean_interval
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import to_datetime
from gnn_search.index.boosting.boost import Boost
from gnn_search.index.flat import FlatIndex
from gnn_search.sampling.random_source import RandomSource
from gnn_search.trained.model import Model

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the trials done and the number of all."""
FITTED, OTHER_HALF, LATER = "fitted", "other half", "later"

_FAR = 100
"""The place whose distance to the first says how strong a boost may be."""


@dataclass(frozen=True)
class FitSettings:
    """How weights are fitted.

    Attributes:
        metric: What is maximised.
        k: Length of the lists.
        cases: Most cases of each period; None for all.
        trials: About how many weights are tried for each kind of choice.
        draws: Bootstrap draws.
        seed: Of samples, halves, trials and draws.
    """

    metric: Metric = "recall"
    k: int = 10
    cases: int | None = 20_000
    trials: int = 400
    draws: int = 1000
    seed: int = 0


def fit_boost(model: Model, boost: Boost, settings: FitSettings, progress: Progress | None = None) -> tuple[Boost, BoostReport]:
    """Fit weights to one half of the shoppers of validation, and measure them on the other half and on the test period.

    The later window is the test period, not the rest of validation: there products and their qualities are encoded anew, as they will be
    where the boost is used, so a weight that is right for one state of a growing log alone shows. The other half is what qualities and
    settings may be chosen by.

    Args:
        model: The model.
        boost: Qualities as of the start of validation, without weights.
        settings: How to fit.
        progress: Called as the work goes on.

    Returns:
        The boost with qualities as of the start of the test period, and what was found.

    Raises:
        RequestError: A period holds no case, or one half of the shoppers of validation none.
    """
    period = open_period(model, "validation", settings.cases, settings.seed)
    in_fit = half_of(period.cases, settings.seed)
    if in_fit.all() or not in_fit.any():
        raise RequestError(
            f"{model.graph.path}: one half of the shoppers of the validation period has no case, of {len(in_fit)} in all; "
            "a boost can't be fitted and checked on so few"
        )
    fitting, other = period.take(np.flatnonzero(in_fit)), period.take(np.flatnonzero(~in_fit))
    candidates = Candidates(FlatIndex.build(fitting.products), fitting.requests, fitting.cases, boost.quality)
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
            Search(
                action=action,
                weights=dict(zip(boost.dimensions, one.weights.tolist(), strict=True)),
                tried=one.tried,
                refused=one.refused,
            )
            for action, one in found.items()
        ),
        gains=tuple(gains),
        seed=settings.seed,
        draws=settings.draws,
    )
    return served, report


def half_of(cases: Cases, seed: int) -> NDArray[np.bool_]:
    """Say which cases are of shoppers in the fitting half; a case without a shopper is one of its own: bool [cases]."""
    user = cases.user.astype(np.int64)
    key = np.where(user >= 0, user, user.max(initial=0) + 1 + np.arange(len(user)))
    return np.asarray(RandomSource(seed).uint32("boost half", 0, key, 1)[:, 0] % 2 == 0)


def measure_gains(period: Period, boost: Boost, part: str, settings: FitSettings) -> list[Gain]:
    """Measure a boost by searches of the whole catalogue, with paired intervals over shoppers.

    Args:
        period: Cases of the moment that the boost's qualities are of.
        boost: The boost.
        part: What the cases are called.
        settings: Metric, cut-off, draws and seed.

    Returns:
        One entry a kind of choice that any case has, by recall and by NDCG.
    """
    plain = period.places(FlatIndex.build(period.products), period.requests, settings.k)
    gains = []
    for action, boosted in period.boosted_places(boost, settings.k).items():
        rows = period.actions.get(action)
        if rows is None or not rows.any():
            continue
        for metric in METRICS:
            before, after = (case_values(period.cases, places, rows, metric, settings.k) for places in (plain, boosted))
            counted = ~np.isnan(before)
            columns = np.stack([before, after, after - before], axis=1)[counted]
            user = period.cases.user[counted]
            mean, low, high = mean_interval(columns, user, settings.draws, settings.seed)
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
    candidates: Candidates, period: Period, action: str, dimensions: int, bound: float, settings: FitSettings, progress: Progress | None
) -> Found:
    rows = period.actions[action]
    if not rows.any():
        return Found(np.zeros(dimensions, dtype=np.float32), 0.0, 0.0, 0, 0)
    done = 0

    def objective(weights: NDArray[np.float32]) -> float | None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(action, min(done, settings.trials), settings.trials)
        places = candidates.places(weights, settings.k)
        return None if places is None else float(np.nanmean(case_values(period.cases, places, rows, settings.metric, settings.k)))

    return find_weights(objective, dimensions, bound, settings.trials, settings.seed)
