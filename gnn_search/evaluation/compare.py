"""Compare methods of runs over the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from string import ascii_lowercase
from typing import Any, Literal

import numpy as np

from gnn_search.arrays import Float64
from gnn_search.errors import RequestError
from gnn_search.evaluation.estimates import UserBootstrap, adjust, estimate
from gnn_search.evaluation.evaluator import Evaluator
from gnn_search.evaluation.metrics.measure import Measure, measures
from gnn_search.evaluation.result import ChangedCase, ComparedMethod, Comparison, Difference, ListedProduct, Score, Wins
from gnn_search.evaluation.robustness.compared import compare_new_words
from gnn_search.evaluation.run import Run
from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.evaluation.significance import permutations_for

PARTS: tuple[Literal["judgements", "pool"], ...] = ("judgements", "pool")
"""What a run may hold on judged queries."""
_EQUAL = 1e-12
"""Values of a case that differ by less are a tie."""


def compare(
    runs: Sequence[RunFolder],
    methods: Sequence[str] = (),
    metric: str = "recall",
    k: int | None = None,
    top: int = 3,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare methods of runs pair by pair.

    Over all cases every measure gets a permutation test, corrected over all pairs; slices are compared by `metric`, with intervals.

    What the runs have on judged queries is compared in the same way.

    Args:
        runs: Runs of the same cases.
        methods: Names of methods to take from every run that has them; by default each run's reference, or all methods of a single run.
        metric: By which wins are counted, changes ranked and slices compared.
        k: Its cut-off, by default the smallest of the runs.
        top: How many of the largest changes to show, in each direction.
        n_resamples: Bootstrap resamples over users.
        seed: Of resamples and tests.

    Raises:
        RequestError: The runs are not of the same cases, a method or measure is in none, or fewer than two methods are left.
        ArtefactError: A run is damaged.
    """
    found = _compare(runs, methods, metric, k, top, n_resamples, seed)
    inside: dict[str, Comparison] = {}
    for part in PARTS:
        parts = [run.part(part) for run in runs if getattr(run.evaluation, part) is not None]
        if len(parts) == len(runs):
            shown = metric if (metric, min(parts[0].evaluation.k)) in parts[0].evaluation.measures() else "recall"
            inside[part] = _compare(parts, methods, shown, None, 0, n_resamples, seed)
    return found.model_copy(update=inside)


def _compare(
    runs: Sequence[RunFolder], methods: Sequence[str], metric: str, k: int | None, top: int, n_resamples: int, seed: int
) -> Comparison:
    _check_same_cases(runs)
    compared = _entries(runs, methods)
    first = runs[0]
    qrels = first.qrels()
    wanted = measures(first.evaluation.k, list(qrels.actions), graded=qrels.grade is not None, spend=qrels.spend is not None)
    shown = Measure(metric, min(first.evaluation.k) if k is None else k)
    if shown not in wanted:
        raise RequestError(f"the runs hold no measure '{shown}'; there are {', '.join(map(str, wanted))}")
    entries = [
        ComparedMethod(mark=mark, run=str(run.path), method=name) for mark, (run, name) in zip(ascii_lowercase, compared, strict=False)
    ]
    marked_runs = [(entry.mark, run.read_run(name, qrels.case_of_row)) for entry, (run, name) in zip(entries, compared, strict=True)]
    everything = Evaluator(qrels, None, wanted)
    rows = [wanted.index(measure) for measure in (shown, Measure("ndcg", max(first.evaluation.k)))]
    values, finer = np.stack([everything.score_run(run).means_by_case()[rows] for _, run in marked_runs], axis=1)
    pairs = [(later, earlier) for earlier, later in combinations(range(len(entries)), 2)]
    users = UserBootstrap(first.cases["user_node"].fill_null(-1).to_numpy(), n_resamples, seed)
    scores, differences = _estimate(first, everything, marked_runs, pairs, wanted, shown, users)
    against_first = [pair for pair in pairs if pair[1] == 0]
    words = compare_new_words([(entry.mark, *one) for entry, one in zip(entries, compared, strict=True)], n_resamples, seed)
    changed = [_largest_changes(compared, entries, pair, values, finer, top) for pair in against_first]
    return Comparison(
        graph=first.evaluation.graph,
        graph_hash=first.evaluation.graph_hash,
        time=first.evaluation.time,
        cases=first.evaluation.cases,
        users=users.count,
        n_resamples=n_resamples,
        seed=seed,
        metric=shown.metric,
        k=shown.k,
        entries=tuple(entries),
        slices=first.evaluation.slices,
        scores=tuple(scores),
        differences=adjust(differences),
        wins=tuple(_count(entries, pair, values, shown) for pair in pairs),
        largest_gains=tuple(case for gains, _ in changed for case in gains),
        largest_losses=tuple(case for _, losses in changed for case in losses),
        perturbed=words.perturbed,
        typed=words.typed,
        new_words=words.differences,
    )


def _estimate(
    run: RunFolder,
    everything: Evaluator,
    methods: Sequence[tuple[str, Run]],
    pairs: Sequence[tuple[int, int]],
    wanted: Sequence[Measure],
    shown: Measure,
    users: UserBootstrap,
) -> tuple[list[Score], list[Difference]]:
    """Estimate every measure over all cases, and the one shown in each further slice."""
    qrels, slices = run.qrels(), run.slices()
    n_permutations = permutations_for(len(pairs))
    scores, differences = estimate(slices[0].name, everything, methods, pairs, wanted, users, lambda _: n_permutations)
    for part in slices[1:]:
        found = estimate(part.name, Evaluator(qrels, part.rows, [shown]), methods, pairs, [shown], users, lambda _: 0)
        scores += found[0]
        differences += found[1]
    return scores, differences


def _count(entries: Sequence[ComparedMethod], pair: tuple[int, int], values: Float64, shown: Measure) -> Wins:
    later, earlier = pair
    difference = values[later] - values[earlier]
    difference = difference[~np.isnan(difference)]
    wins, losses = int(np.sum(difference > _EQUAL)), int(np.sum(difference < -_EQUAL))
    return Wins(
        later=entries[later].mark,
        earlier=entries[earlier].mark,
        metric=shown.metric,
        k=shown.k,
        wins=wins,
        ties=len(difference) - wins - losses,
        losses=losses,
    )


def _largest_changes(
    compared: Sequence[tuple[RunFolder, str]],
    entries: Sequence[ComparedMethod],
    pair: tuple[int, int],
    values: Float64,
    finer: Float64,
    top: int,
) -> tuple[list[ChangedCase], list[ChangedCase]]:
    """Return the cases in which the first of a pair gains most over the second, and those in which it loses most."""
    later, earlier = pair
    by = np.nan_to_num(values[later] - values[earlier])
    order = np.lexsort((np.arange(len(by)), -np.nan_to_num(finer[later] - finer[earlier]), -by))
    gained, lost = order[:top], order[::-1][:top]
    titles: dict[str | int, str] = {}
    for run, _ in (compared[later], compared[earlier]):
        titles |= dict(run.products.select("product_id", "title").iter_rows())
    lists = [run.method(name)["list"] for run, name in (compared[later], compared[earlier])]

    def listed(ids: Sequence[str | int], relevant: Sequence[str | int]) -> tuple[ListedProduct, ...]:
        return tuple(ListedProduct(product_id=str(one), title=titles.get(one) or "", relevant=one in relevant) for one in ids)

    def show(case: int) -> ChangedCase:
        row = compared[0][0].cases.row(case, named=True)
        relevant = row["relevant"]
        return ChangedCase(
            later=entries[later].mark,
            earlier=entries[earlier].mark,
            case=case,
            user_id=None if row["user_id"] is None else str(row["user_id"]),
            query=row["query"],
            relevant=listed(relevant, relevant),
            value_later=float(values[later, case]),
            value_earlier=float(values[earlier, case]),
            list_later=listed(lists[0][case].to_list(), relevant),
            list_earlier=listed(lists[1][case].to_list(), relevant),
        )

    return [show(case) for case in gained[by[gained] > 0].tolist()], [show(case) for case in lost[by[lost] < 0].tolist()]


def _entries(runs: Sequence[RunFolder], methods: Sequence[str]) -> list[tuple[RunFolder, str]]:
    """Return what is compared: run and method."""
    for name in methods:
        if not any(name in run.evaluation.methods for run in runs):
            held = dict.fromkeys(method for run in runs for method in run.evaluation.methods)
            raise RequestError(f"no run holds a method '{name}'; there are {', '.join(held)}")
    found = []
    for run in runs:
        evaluation = run.evaluation
        own = evaluation.methods if len(runs) == 1 or evaluation.reference is None else (evaluation.reference,)
        found += [(run, name) for name in (methods or own) if name in evaluation.methods]
    if not 2 <= len(found) <= len(ascii_lowercase):
        raise RequestError(
            f"expected 2 to {len(ascii_lowercase)} methods to compare, got {len(found)}; give more runs, or name methods with --method"
        )
    return found


def _check_same_cases(runs: Sequence[RunFolder]) -> None:
    first = runs[0]
    for run in runs[1:]:
        if run.evaluation.graph_hash != first.evaluation.graph_hash:
            raise RequestError(f"{run.path} was evaluated on another graph than {first.path}; compare runs of one graph")
        if _cases_of(run) != _cases_of(first):
            raise RequestError(f"{run.path} is of other cases than {first.path}; evaluate both with the same --split, --cases and --seed")
        if run.evaluation.k != first.evaluation.k:
            raise RequestError(
                f"{run.path} was measured at {run.evaluation.k} places, {first.path} at {first.evaluation.k}; evaluate again"
            )


def _cases_of(run: RunFolder) -> tuple[Any, ...]:
    evaluation = run.evaluation
    return evaluation.time, evaluation.cases, None if evaluation.manifest is None else evaluation.manifest.cases_hash
