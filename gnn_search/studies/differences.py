"""Summarise the runs of a variant, and their differences to the reference on the same cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from gnn_search.evaluation.significance import mean_interval
from gnn_search.studies.measuring import CHANNELS
from gnn_search.studies.result import MedianRecall, StudyDifference, Summary
from gnn_search.studies.runs import MeasuredRun


def summarise_variant(name: str, runs: Sequence[MeasuredRun], reference: Sequence[MeasuredRun] | None, n_resamples: int) -> Summary:
    """Return medians over a variant's runs, one a seed, and its differences to the reference where there is one; see `differences`."""
    results = [run.result for run in runs]
    return Summary(
        name=name,
        recalls=tuple(_medians(runs)),
        differences=() if reference is None else tuple(differences(runs, reference, n_resamples)),
        steps=median(result.training["steps"] for result in results),
        seconds=median(result.training["seconds"] for result in results),
        cpu_seconds=median(result.training["cpu_seconds"] for result in results),
    )


def differences(runs: Sequence[MeasuredRun], reference: Sequence[MeasuredRun], n_resamples: int) -> Iterator[StudyDifference]:
    """Yield variant minus reference by channel, slice and cut-off, with 95 % bootstrap intervals over users.

    The cases of all seeds are pooled; a user is drawn with the cases of every seed.

    Args:
        runs: Of the variant, one a seed.
        reference: Of the reference, with the same seeds in the same order, on the same cases.
        n_resamples: Bootstrap resamples.
    """
    everywhere = [*runs, *reference]
    channels = [channel for channel in CHANNELS if all(channel in run.recalls for run in everywhere)]
    k = runs[0].result.k
    for part in _common_slices(everywhere):
        values, user, seeds = [], [], []
        for run, base in zip(runs, reference, strict=True):
            of_run, of_base = (np.concatenate([_of_slice(one, channel, part) for channel in channels]) for one in (run, base))
            counted = ~np.isnan(of_base[0])
            values.append((of_run - of_base)[:, counted].T)
            user.append(run.user[counted])
            seeds.append(values[-1].mean(axis=0))
        mean, low, high = mean_interval(np.concatenate(values), np.concatenate(user), n_resamples)
        for i, (channel, cut) in enumerate([(channel, cut) for channel in channels for cut in k]):
            yield StudyDifference(
                channel=channel,
                slice=part,
                k=cut,
                mean=float(mean[i]),
                low=float(low[i]),
                high=float(high[i]),
                cases=sum(map(len, values)),
                by_seed=tuple(float(seed[i]) for seed in seeds),
            )


def _medians(runs: Sequence[MeasuredRun]) -> Iterator[MedianRecall]:
    for part in _common_slices(runs):
        for one in runs[0].result.recalls:
            if one.slice == part:
                means = [run.result.recall(one.channel, one.k, part) for run in runs]
                yield MedianRecall(channel=one.channel, slice=part, k=one.k, median=median(mean for mean in means if mean is not None))


def _common_slices(runs: Sequence[MeasuredRun]) -> list[str]:
    """Return the slices that every seed has; a small one may be missing from a sample."""
    return [part for part in runs[0].result.slices if all(part in run.result.slices for run in runs)]


def _of_slice(run: MeasuredRun, channel: str, part: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the recalls of a slice, float64 [k, cases]."""
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]] = run.recalls[channel][run.result.slices.index(part)]
    return values
