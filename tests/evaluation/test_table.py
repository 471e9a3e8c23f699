from __future__ import annotations

import io

import pytest
from rich.console import Console

from gnn_search.evaluation.result import Cost, Coverage, Difference, Evaluation, Score
from gnn_search.evaluation.significance import FEWEST_USERS
from gnn_search.evaluation.table import render_evaluation


def evaluation(slices=("all", "broad"), reference="model"):
    """Return an evaluation in which the model leads by .1 on all and trails by .2 elsewhere, the interval being ±.05, p .01 by recall."""
    means = {"model": 0.6, "query_popularity_then_bm25": 0.5}
    rows = [(m, s, metric, k) for m in means for s in slices for metric in ("recall", "ndcg", "mrr") for k in (10, 100)]
    scores, differences = [], []
    for method, part, metric, k in rows:
        mean = means[method] if part == "all" or method != "model" else 0.3
        key = {"method": method, "slice": part, "metric": metric, "k": k, "cases": 1234, "users": 99}
        scores.append(Score(mean=mean, low=mean - 0.05, high=mean + 0.05, **key))
        if method != "model":
            lead = 0.1 if part == "all" else -0.2
            p_adjusted = 0.01 if metric == "recall" else 0.2
            test = {"p_value": p_adjusted / 2, "p_adjusted": p_adjusted, "effect_size": 0.3, "detectable": 0.012}
            differences.append(Difference(reference="model", mean=lead, low=lead - 0.05, high=lead + 0.05, **key, **test))
    return Evaluation(
        graph="small",
        graph_hash="0",
        time=0,
        cases=1234,
        users=99,
        candidates=5678,
        k=(10, 100),
        n_resamples=1000,
        seed=0,
        methods=tuple(means),
        slices=tuple(slices),
        reference=reference,
        scores=tuple(scores),
        differences=tuple(differences) if reference else (),
        coverage=(Coverage(method="model", k=10, products=2000, share=0.352),),
        costs=tuple(Cost(method=method, wall_seconds=1.25, cpu_seconds=2.5) for method in means),
    )


def text_of(found, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width).print(render_evaluation(found))
    return stream.getvalue()


def line_of(text, start, title):
    """Return the cells of the first line that begins with `start` below `title`."""
    below = text[text.index(title) :].splitlines()
    line = next(line for line in below if line.lstrip("│ ").startswith(start))
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_scores_and_the_best_of_each_column():
    text = text_of(evaluation())
    assert line_of(text, "model", "recall@10 by slice") == ["model", ".600 ±.050*", ".300 ±.050"]
    assert line_of(text, "query_pop", "recall@10 by slice") == ["query_popularity_then_bm25", ".500 ±.050 ▼", ".500 ±.050*▲"]
    assert "1,234 cases of 99 users over 5,678 products" in text
    assert all(heading in text for heading in ("recall@100", "ndcg@10", "ndcg@100", "mrr@10", "mrr@100"))


def test_differences_show_which_are_significant_and_what_could_be_seen():
    text = text_of(evaluation())
    assert line_of(text, "query_pop", "model minus each method: recall@10") == [
        "query_popularity_then_bm25",
        "+.100 ±.050▲",
        "-.200 ±.050▼",
    ]
    assert line_of(text, "detectable", "model minus each method: recall@10") == ["detectable", ".012", ".012"]
    assert "paired permutation test over users" in " ".join(text.split())


def test_measures_carry_the_marks_too():
    """Recall is significantly below the model's, NDCG is not."""
    text = text_of(evaluation())
    assert line_of(text, "query_pop", "all: every measure")[1:4] == [".500 ±.050 ▼", ".500 ±.050 ▼", ".500 ±.050"]
    assert line_of(text, "model", "all: every measure")[1] == ".600 ±.050*"


def test_without_a_reference_there_are_no_differences():
    text = text_of(evaluation(reference=None))
    assert "minus each method" not in text
    assert line_of(text, "model", "ranking all cases") == ["model", "1.2", "2.5", "2,000", "35.2%"]


@pytest.mark.parametrize("count", [1, 4, 5, 20])
def test_any_number_of_slices_fits_100_columns(count):
    slices = ["all"] + [f"a rather long name {i}" for i in range(count - 1)]
    text = text_of(evaluation(slices), width=400)
    widest = max(len(line.rstrip()) for line in text.splitlines() if line.startswith(("┃", "│")))
    assert widest <= 100
    assert text.count(".300 ±.050") == count - 1


def test_a_slice_too_small_to_say_anything_is_marked():
    found = evaluation()
    few = {
        kind: tuple(one.model_copy(update={"users": FEWEST_USERS - 1}) if one.slice == "broad" else one for one in getattr(found, kind))
        for kind in ("scores", "differences")
    }
    text = text_of(found.model_copy(update=few))
    assert "1,234 (few)" in text
    assert line_of(text, "query_pop", "recall@10 by slice") == ["query_popularity_then_bm25", ".500 ±.050 ▼", ".500 ±.050"]
