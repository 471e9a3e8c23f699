"""YAML files: found by name or path, and every fault is one clear sentence."""

from __future__ import annotations

import pytest

from gnn_search.config.base import StrictModel
from gnn_search.config.baselines import BiEncoderSettings, LightGcnSettings, RecentHistorySettings, load_baseline_settings
from gnn_search.config.files import find_yaml, read_yaml, shipped_folder
from gnn_search.config.recipe import Recipe
from gnn_search.config.studies import AblationSettings, NegativesStudySettings
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ConfigError


class Inner(StrictModel):
    size: int
    name: str = "x"


class Outer(StrictModel):
    inner: Inner
    flag: bool = False


def read(tmp_path, text: str) -> Outer:
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path, Outer)


def shipped(kind: str) -> list[str]:
    root = shipped_folder(kind)
    return sorted(file.relative_to(root).with_suffix("").as_posix() for file in root.rglob("*.yaml"))


def test_both_kinds_are_shipped():
    assert {"amazon_beauty", "complete_journey"} <= set(shipped("graphs"))
    assert {"amazon_beauty", "complete_journey"} <= set(shipped("configs"))


@pytest.mark.parametrize("name", shipped("graphs"))
def test_every_shipped_recipe_loads_under_its_own_name(name):
    assert Recipe.load(name).name == name


BASELINES = {
    "baselines/lightgcn": LightGcnSettings,
    "baselines/minilm": BiEncoderSettings,
    "baselines/recent_history": RecentHistorySettings,
}
"""Shipped settings of baselines that are no training configurations."""


@pytest.mark.parametrize("name", BASELINES)
def test_every_shipped_setting_of_a_baseline_loads(name):
    assert load_baseline_settings(name.removeprefix("baselines/"), BASELINES[name])


STUDIES = {
    "ablation": AblationSettings,
    "additions": AblationSettings,
    "negatives": NegativesStudySettings,
    "negative_masks": NegativesStudySettings,
}
"""Shipped studies."""


@pytest.mark.parametrize("name", sorted(set(shipped("configs")) - set(BASELINES) - set(STUDIES)))
def test_every_shipped_configuration_loads(name):
    assert TrainingConfig.load(name) == TrainingConfig.load(shipped_folder("configs") / f"{name}.yaml")


def test_a_path_is_read_as_it_is(tmp_path):
    assert read(tmp_path, "inner: {size: 3}\n") == Outer(inner=Inner(size=3))
    assert find_yaml(str(tmp_path / "some.yaml"), "graphs") == tmp_path / "some.yaml"


@pytest.mark.parametrize(("kind", "model"), [("graphs", Recipe), ("configs", TrainingConfig)])
def test_an_unknown_name_lists_the_shipped_ones(kind, model):
    names = ", ".join(shipped(kind))
    message = rf"no file no_such_shop, and no shipped one of that name in {kind} \(there are: {names}\); give a path or one of these"
    with pytest.raises(ConfigError, match=message):
        model.load("no_such_shop")


def test_a_name_does_not_lead_out_of_the_folder():
    with pytest.raises(ConfigError, match=r"no file \.\./graphs/amazon_beauty"):
        find_yaml("../graphs/amazon_beauty", "configs")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"no file .*; give a path or one of these names"):
        find_yaml(str(tmp_path), "graphs")


def test_a_shipped_file_in_a_folder_is_found_under_the_name_that_is_listed(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.yaml").write_text("inner: {size: 1}")
    monkeypatch.setattr("gnn_search.config.files.shipped_folder", lambda kind: tmp_path)
    with pytest.raises(ConfigError, match=r"there are: deep/one"):
        find_yaml("one", "graphs")
    assert find_yaml("deep/one", "graphs") == tmp_path / "deep" / "one.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inner: {size: 1}\ncolour: red\n", r"some\.yaml: unknown key 'colour'; remove it or correct its name$"),
        ("inner: {size: 1, colour: red}\n", r"some\.yaml: unknown key 'inner\.colour'; remove it or correct its name$"),
        ("flag: true\n", r"some\.yaml: key 'inner' is missing$"),
        ("inner: {}\n", r"key 'inner\.size' is missing$"),
        ("inner: {size: big}\n", r"'inner\.size': .*valid integer.* \(got 'big'\)$"),
        ("inner: {size: 1}\nflag: 7\n", r"'flag': .*boolean.* \(got 7\)$"),
        ("", r"expected a mapping of keys to values, got NoneType$"),
        ("- 1\n- 2\n", r"expected a mapping of keys to values, got list$"),
        ("inner: [1, 2", r"some\.yaml is no valid YAML: .*line 1"),
        ("1: 2\n", r"some\.yaml: "),
    ],
)
def test_faults(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_all_faults_are_named_at_once(tmp_path):
    with pytest.raises(ConfigError, match=r"key 'inner\.size' is missing; unknown key 'colour'; remove it"):
        read(tmp_path, "inner: {}\ncolour: red\n")


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "some.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="is no valid YAML"):
        read_yaml(tmp_path / "some.yaml", Outer)


def test_a_tag_makes_no_object(tmp_path):
    with pytest.raises(ConfigError, match="is no valid YAML: could not determine a constructor"):
        read(tmp_path, "inner: !!python/object/apply:os.getcwd []\n")
