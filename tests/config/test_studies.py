"""The settings of studies."""

from __future__ import annotations

import pytest

from gnn_search.config.studies import AblationSettings, NegativesStudySettings, StudySettings
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ConfigError
from gnn_search.studies.ablation import variant_configs
from gnn_search.studies.negatives import mix_configs


@pytest.mark.parametrize("study", ["ablation", "additions"])
@pytest.mark.parametrize("base", ["complete_journey", "amazon_beauty"])
def test_shipped_ablations_fit_both_shops(study, base):
    settings = AblationSettings.load(study)
    configs, skipped = variant_configs(settings.changed(base=base))
    assert set(configs) | {one.name for one in skipped} == {"base", *settings.variants}


@pytest.mark.parametrize("study", ["negatives", "negative_masks"])
@pytest.mark.parametrize("base", ["complete_journey", "amazon_beauty"])
def test_shipped_comparisons_fit_both_shops(study, base):
    settings = NegativesStudySettings.load(study).changed(base=base)
    configs = mix_configs(settings)
    assert list(configs) == list(settings.mixes)
    assert not any(config.reranker.enabled for config in configs.values())
    assert all(config.loop == TrainingConfig.load(base).loop for config in configs.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": [1, 1]}, r"each seed may stand once in seeds \(got 1, 1\)"),
        ({"split": "train"}, "'split': Input should be 'validation' or 'test'"),
        ({"variants": {"base": {}}}, "no variant may be called base"),
        ({"variant": {}}, "unknown key 'variant'; remove it or correct its name"),
    ],
)
def test_a_bad_ablation_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        AblationSettings.load("ablation").changed(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "anse"}, "reference names anse, but there are the mixes random, in-batch, "),
        ({"targets": ["anse"]}, "targets names anse, but there are the mixes random, "),
        ({"mixes": {"lowest": [{"kind": "in_batch"}]}}, "no mix may be called lowest"),
    ],
)
def test_a_bad_comparison_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        NegativesStudySettings.load("negatives").changed(**changes)


def test_what_is_not_changed_stays():
    settings = AblationSettings.load("ablation")
    assert settings.changed(base=None, seeds=None, cases=None) == settings
    assert settings.changed(seeds=[4]).seeds == (4,)
    assert settings.changed(cases=7).cases == 7


def test_a_mix_may_be_a_list():
    settings = NegativesStudySettings.load("negatives")
    assert [negative.kind for negative in settings.mixes["in-batch"].negatives] == ["in_batch"]
    assert settings.mixes["ance"].schedule.warmup == 0.1
    assert StudySettings(base="x").split == "validation"
