"""Changes to a configuration in places that are named."""

from __future__ import annotations

import pytest
from towers import tiny_config

from gnn_search.config.studies import AblationSettings
from gnn_search.errors import ConfigError, RequestError
from gnn_search.studies.ablation import variant_configs
from gnn_search.studies.overrides import NEGATIVE_KINDS, overridden, settings_of


def test_only_what_is_named_changes():
    config = tiny_config()
    changed = overridden(config, {"product": {"text": False}, "dimension": 8}, "it")
    assert not changed.product.text
    assert changed.dimension == 8
    assert changed.product.model_copy(update={"text": True}) == config.product
    assert changed.model_copy(update={"product": config.product, "dimension": 16}) == config


def test_negatives_are_changed_by_kind():
    config = tiny_config()
    assert [one.kind for one in overridden(config, {"negatives": {"taxonomy": None}}, "it").negatives] == ["in_batch", "uniform"]
    changed = overridden(config, {"negatives": {"taxonomy": {"mask": "query"}, "bm25": {"depth": 7}}}, "it").negatives
    assert [one.kind for one in changed] == ["in_batch", "uniform", "taxonomy", "bm25"]
    assert (changed[2].mask, changed[2].levels, changed[3].depth) == ("query", (1, 1), 7)
    assert [one.kind for one in overridden(config, {"negatives": [{"kind": "in_batch"}]}, "it").negatives] == ["in_batch"]
    assert overridden(config, {"negatives": {"bm25": None}}, "it") == config


def test_every_kind_of_negative_is_known():
    assert set(NEGATIVE_KINDS) == {"in_batch", "uniform", "taxonomy", "in_batch_hard", "dynamic", "bm25", "low_grade"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": {"histroy": 0}}, "variant 'x': unknown key 'user.histroy'; remove it or correct its name"),
        ({"product": {"queries": -1}}, r"variant 'x': 'product.queries': .* \(got -1\)"),
        ({"negatives": {"taxonmy": None}}, "variant 'x': there is no kind of negatives 'taxonmy'; there are in_batch, uniform, "),
        ({"negatives": {"taxonomy": 3}}, "variant 'x': expected settings or null for the negatives 'taxonomy', got 3"),
        ({"negatives": {"in_batch": None, "uniform": None}}, "variant 'x': .*negatives must hold in_batch or uniform"),
    ],
)
def test_a_bad_change_names_the_variant(change, message):
    with pytest.raises(ConfigError, match=message):
        overridden(tiny_config(), change, "variant 'x'")


def test_a_change_in_words():
    change = {"user": {"sequence_length": 0, "brands": False}, "negatives": {"taxonomy": None}, "dimension": 8}
    assert list(settings_of(change)) == ["user.sequence_length 0", "user.brands false", "negatives.taxonomy none", "dimension 8"]


def test_a_part_that_is_off_already_is_skipped_with_the_reason():
    study = AblationSettings(
        base="baselines/two_tower_text", variants={"without history": {"user": {"attention_length": 0}}, "smaller": {"dimension": 8}}
    )
    configs, skipped = variant_configs(study)
    assert list(configs) == ["base", "smaller"]
    assert [one.name for one in skipped] == ["without history"]
    assert skipped[0].reason == "the base baselines/two_tower_text is like this already: user.attention_length 0"
    with pytest.raises(RequestError, match="no variant is left to try: without history: the base baselines/two_tower_text is like this"):
        variant_configs(study, ["without history"])
    with pytest.raises(RequestError, match="there is no variant 'larger' in the study; there are without history, smaller"):
        variant_configs(study, ["larger"])


def test_the_override_holds_for_the_base_too():
    study = AblationSettings(base="complete_journey", override={"loop": {"epochs": 0.5}}, variants={"x": {"dimension": 8}})
    configs, _ = variant_configs(study)
    assert {config.loop.epochs for config in configs.values()} == {0.5}
