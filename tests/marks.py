"""Which tests are slow, open a browser, need a server or an optional dependency; `make test-fast` leaves out the first three."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

BY_NAME = {
    "slow": (
        "cli/test_demo.py",
        "cli/test_evaluate.py",
        "cli/test_search.py::test_neither_pandas_nor_pyg_is_loaded",
        "cli/test_studies.py",
        "cli/test_train.py",
        "cli/test_tune_index.py",
        "cli/test_windows.py",
        "evaluation/baselines/test_build.py",
        "evaluation/test_statistics.py",
        "explanation/test_explain.py::test_every_score_is_the_sum_of_its_parts",
        "graph/test_build.py::test_whatever_the_shop_ids_and_events_come_back",
        "index/tuning/",
        "report/test_page.py",
        "retrieval/test_resume.py",
        "retrieval/test_retriever.py::test_several_threads_find_what_one_finds",
        "retrieval/test_walk_channel.py",
        "tables/test_complete_journey.py",
        "test_threads.py",
        "training/",
        "vectors/onnx/test_personal_tower.py",
    ),
    "server": ("export/formats/test_milvus.py", "export/formats/test_qdrant.py"),
    "extra": ("export/formats/", "model/test_transformer_tower.py", "report/", "vectors/onnx/", "vectors/test_static_model.py"),
}
"""The start of their names, below `tests/`. Slow ones take seconds each; take the list from `pytest --durations=50`."""
BY_FIXTURE = {"postgres": "server", "server": "server", "browser": "browser"}


def marks_of(name: str, fixtures: Iterable[str]) -> Iterator[str]:
    """Yield the marks of a test, by its name and the fixtures that it uses."""
    short = name.removeprefix("tests/")
    yield from (mark for mark, starts in BY_NAME.items() if short.startswith(starts))
    yield from (BY_FIXTURE[fixture] for fixture in fixtures if fixture in BY_FIXTURE)
