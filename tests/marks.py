"""Which tests are slow, open a browser, need a server or an optional dependency; `make test-fast` leaves out the first three."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

BY_NAME = {
    "slow": (
        "audit/test_graph_errors.py",
        "audit/test_graph_warnings.py",
        "cli/test_audit.py",
        "cli/test_boost.py",
        "cli/test_compare.py",
        "cli/test_demo.py",
        "cli/test_doctor.py::test_torch_and_faiss_work_in_one_process",
        "cli/test_evaluate.py",
        "cli/test_explain.py",
        "cli/test_fuse.py",
        "cli/test_judgements.py",
        "cli/test_report.py",
        "cli/test_retrieve.py",
        "cli/test_search.py::test_neither_pandas_nor_pyg_is_loaded",
        "cli/test_studies.py",
        "cli/test_train.py",
        "cli/test_tune_index.py",
        "cli/test_windows.py",
        "evaluation/baselines/test_build.py",
        "evaluation/metrics/test_relevance.py::test_a_thousand_random_cases_equal_trec_eval",
        "evaluation/test_significance.py",
        "explanation/test_explain.py",
        "explanation/test_parts.py",
        "export/test_pages.py",
        "export/test_recall.py",
        "graph/lexical/test_speed.py",
        "graph/known_queries/test_finder.py::test_a_text_takes_at_most_a_few_milliseconds_among_many",
        "graph/test_build.py::test_whatever_the_shop_ids_and_events_come_back",
        "graph/test_taxonomy.py::test_every_subtree_is_one_interval",
        "index/test_approximate.py",
        "index/test_tune.py",
        "model/test_aggregation.py::test_lists_and_edge_index_give_the_same_values_and_gradients",
        "model/test_tokens.py::test_the_bytes_do_not_hang_on_the_process",
        "model/test_two_tower.py::test_each_part_can_be_switched_off_and_what_is_left_learns",
        "report/test_page.py",
        "report/test_recall_curves.py",
        "retrieval/rankers/test_candidate_rankers.py",
        "retrieval/test_resume.py",
        "retrieval/test_retrieve.py",
        "retrieval/test_retriever.py",
        "sampling/negatives/test_shared.py::test_uniform_absence_is_what_simulation_finds",
        "sampling/test_neighbours.py::test_an_edge_of_half_life_age_counts_half",
        "sampling/test_neighbours.py::test_one_edge_is_drawn_in_proportion_to_its_weight",
        "sampling/test_neighbours.py::test_two_edges_are_drawn_without_replacement",
        "tables/test_complete_journey.py",
        "tables/test_load.py::test_ids_come_back_as_they_were_given",
        "tables/test_load.py::test_ids_come_back_from_csv",
        "tables/test_text.py::test_twice_changes_nothing_for_every_character_before_a_combining_mark",
        "tables/test_times.py::test_text_and_datetime_agree",
        "test_architecture.py::test_picture_and_paths_are_up_to_date",
        "test_architecture.py::test_the_picture_shows_every_folder_and_what_imports_what",
        "test_examples.py",
        "test_packaging.py::test_an_installed_wheel_finds_its_recipe_by_name",
        "test_threads.py",
        "training/",
        "vectors/onnx/test_personal_tower.py",
        "vectors/onnx/test_server_example.py",
    ),
    "server": ("export/formats/test_milvus.py", "export/formats/test_qdrant.py"),
    "extra": ("export/formats/", "model/test_transformer_tower.py", "report/", "vectors/onnx/", "vectors/test_text_model.py"),
}
"""The start of their names, below `tests/`. Slow ones take seconds each, or a whole file does; `pytest --durations=50` shows them."""
BY_FIXTURE = {"postgres": "server", "server": "server", "browser": "browser"}


def marks_of(name: str, fixtures: Iterable[str]) -> Iterator[str]:
    """Yield the marks of a test, by its name and the fixtures that it uses."""
    short = name.removeprefix("tests/")
    yield from (mark for mark, starts in BY_NAME.items() if short.startswith(starts))
    yield from (BY_FIXTURE[fixture] for fixture in fixtures if fixture in BY_FIXTURE)
