"""Training configurations: rules inside and between the parts."""

from __future__ import annotations

import pytest
import yaml

from gnn_search.config.files import check
from gnn_search.config.negatives import InBatch, Taxonomic, Uniform
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ConfigError


def config(**changes: object) -> TrainingConfig:
    return check({"name": "one", **changes}, TrainingConfig, "one.yaml")


def test_a_name_is_enough():
    least = config()
    assert least.dimension == 128
    assert [negative.kind for negative in least.negatives] == ["in_batch", "taxonomy"]
    assert least.loss.mask == "user_query"


def test_a_configuration_survives_yaml():
    full = config(negatives=[{"kind": "in_batch"}, {"kind": "uniform", "count": 3}, {"kind": "taxonomy", "levels": [0, 2.5]}])
    assert full.negatives == (InBatch(kind="in_batch"), Uniform(kind="uniform", count=3), Taxonomic(kind="taxonomy", levels=(0, 2.5)))
    again = check(yaml.safe_load(yaml.safe_dump(full.model_dump(mode="json"))), TrainingConfig, "again")
    assert again == full
    assert again.model_dump_json() == full.model_dump_json()


@pytest.mark.parametrize("negatives", [[{"kind": "in_batch"}], [{"kind": "uniform"}], [{"kind": "taxonomy"}, {"kind": "uniform"}]])
def test_one_pool_is_enough(negatives):
    assert len(config(negatives=negatives).negatives) == len(negatives)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'; remove it or correct its name"),
        ({"loop": {"epoch": 1}}, r"unknown key 'loop\.epoch'"),
        ({"negatives": [{"kind": "in_batch", "count": 3}]}, r"unknown key 'negatives\.0\.in_batch\.count'"),
        ({"negatives": [{"kind": "bm26"}]}, r"'negatives\.0': .*'bm26'.*'in_batch', 'uniform', 'taxonomy'"),
        ({"negatives": [{"count": 3}]}, r"'negatives\.0': Unable to extract tag using discriminator 'kind'"),
        ({"negatives": []}, r"'negatives': .*at least 1 item"),
        ({"negatives": [{"kind": "taxonomy"}]}, "negatives must hold in_batch or uniform, against which every example stands$"),
        ({"negatives": [{"kind": "in_batch"}, {"kind": "in_batch"}]}, "each kind of negative may stand once in negatives$"),
        ({"negatives": [{"kind": "in_batch"}, {"kind": "taxonomy", "levels": [1, -1]}]}, r"levels must not be negative, and one must be"),
        ({"negatives": [{"kind": "in_batch"}, {"kind": "taxonomy", "levels": [0, 0]}]}, r"levels must not be negative, and one must be"),
        ({"negatives": [{"kind": "in_batch"}, {"kind": "taxonomy", "levels": []}]}, r"taxonomy\.levels': .*at least 1 item"),
        ({"negatives": [{"kind": "in_batch"}, {"kind": "taxonomy", "levels": [float("inf")]}]}, r"taxonomy\.levels\.0': .*finite number"),
        (
            {"negatives": [{"kind": "in_batch"}, {"kind": "taxonomy", "start_levels": [0]}]},
            "start_levels must not be negative, and one must",
        ),
        (
            {"negatives": [{"kind": "in_batch"}, {"kind": "taxonomy", "preset": "tb_hns", "alpha": 1}]},
            "preset tb_hns sets alpha to 0.0; leave alpha out, or the preset",
        ),
        ({"negatives": [{"kind": "in_batch"}, {"kind": "taxonomy", "preset": "near"}]}, r"taxonomy\.preset': Input should be 'tb_hns'"),
        (
            {"negatives": [{"kind": "in_batch"}, {"kind": "bm25", "depth": 5, "skip": 5}]},
            "skip must be below depth, or nothing is left to draw",
        ),
        ({"negatives": [{"kind": "in_batch", "weight": 0.5}, {"kind": "uniform"}]}, "one pool and must have the same weight and mask$"),
        ({"negatives": [{"kind": "in_batch", "mask": "query"}, {"kind": "uniform"}]}, "one pool and must have the same weight and mask$"),
        ({"schedule": {"warmup": 0.5, "ramp": 0.6}}, r"warmup and ramp together must not be above 1 \(got 0\.5 and 0\.6\)$"),
        ({"loss": {"thresholds": {"purchase": 1.5}}}, r"'loss\.thresholds\.purchase\..*less than 1"),
        ({"loss": {"margin": 0}}, r"'loss\.margin': .*greater than 0"),
        ({"negatives": [{"kind": "uniform", "count": 0}]}, r"'negatives\.0\.uniform\.count': .*greater than or equal to 1 \(got 0\)"),
        ({"product": {"text": False, "category": False, "id_embedding": False}}, "needs at least one of text, category and id_embedding$"),
        ({"product": {"cold_start_share": 2}}, r"'product\.cold_start_share': .*less than or equal to 1 \(got 2\)"),
        ({"product": {"queries": -1}}, r"'product\.queries': .*greater than or equal to 0 \(got -1\)"),
        ({"product": {"numeric_buckets": 1}}, r"'product\.numeric_buckets': .*greater than or equal to 2 \(got 1\)"),
        ({"product": {"half_life_days": 0}}, r"'product\.half_life_days': .*greater than or equal to 0.00000001 \(got 0\)"),
        ({"product": {"half_life_days": 1e-300}}, r"'product\.half_life_days': .*greater than or equal to 0.00000001 \(got 1e-300\)"),
        ({"user": {"brands": True}}, r"user\.brands reads the products' brand vectors: switch product\.brand on$"),
        ({"shared_attributes": [{"name": "a", "user": ["x"], "product": ["y", "z"]}]}, r"as many user columns .* \(1 and 2\), level by"),
        ({"shared_attributes": [{"name": "a", "user": [], "product": []}]}, r"'shared_attributes\.0\.user': .*at least 1 item"),
        ({"shared_attributes": [{"name": "a", "user": ["x"], "product": ["y"]}] * 2}, "each name may stand once in shared_attributes$"),
        ({"query": {"known_dropout": -0.1}}, r"'query\.known_dropout'"),
        ({"user": {"half_life_days": 0}}, r"'user\.half_life_days': .*greater than or equal to 0.00000001 \(got 0\)"),
        ({"loss": {"kind": "bpr"}}, r"'loss\.kind': Input should be 'softmax' or 'hinge' \(got 'bpr'\)"),
        ({"loss": {"temperature": 0}}, r"'loss\.temperature': .*greater than 0"),
        ({"loss": {"mask": "user"}}, r"'loss\.mask': Input should be 'query' or 'user_query' \(got 'user'\)"),
        ({"loop": {"batch_size": 1}}, r"'loop\.batch_size': .*greater than or equal to 2"),
        ({"loop": {"epochs": float("inf")}}, r"'loop\.epochs': .*finite number"),
        ({"loop": {"window_days": 1e-12}}, r"'loop\.window_days'"),
        ({"optimiser": {"learning_rate": float("nan")}}, r"'optimiser\.learning_rate'"),
        ({"optimiser": {"weight_decay": 2}}, r"'optimiser\.weight_decay': .*less than or equal to 1"),
        ({"reranker": {"learning_rate": 1e38}}, r"'reranker\.learning_rate': .*less than or equal to 1 \(got 1e\+38\)"),
        ({"optimiser": {"warmup": 1}}, r"'optimiser\.warmup': .*less than 1"),
        ({"text": {"parts": ["transformer"]}}, r"'text': the part transformer needs transformer, the folder of a sentence-transformers"),
        ({"text": {"parts": ["static", "static"]}}, r"'text': each part may stand once in parts"),
        ({"text": {"parts": []}}, r"'text\.parts': Tuple should have at least 1 item"),
        ({"text": {"parts": ["word2vec"]}}, r"'text\.parts\.0': Input should be 'static', 'terms' or 'transformer' \(got 'word2vec'\)"),
        ({"text": {"transformer": "a"}}, r"'text': transformer is given, and parts does not name it; add it to parts, or leave"),
        ({"text": {"grams": [9]}}, r"'text\.grams\.0'"),
        ({"augmentation": {"noise": 1.5}}, r"'augmentation\.noise': Input should be less than or equal to 1"),
        ({"loop": {"least_steps": 0}}, r"'loop\.least_steps': Input should be greater than or equal to 1"),
        ({"text": {"kind": "static"}}, r"unknown key 'text\.kind'"),
        ({"text": {"pretrain": {"epochs": -1}}}, r"'text\.pretrain\.epochs': .*greater than or equal to 0"),
        ({"text": {"pretrain": {"epochs": 1}}, "product": {"text": False}}, r"text\.pretrain brings .*; it needs product\.text"),
        ({"reranker": {"half_life_days": [30, 7]}}, r"half_life_days must be at least 1e-08 and ascend"),
        ({"reranker": {"half_life_days": [7, 7]}}, r"half_life_days must be at least 1e-08 and ascend"),
        ({"reranker": {"half_life_days": [0, 7]}}, r"half_life_days must be at least 1e-08 and ascend"),
        ({"reranker": {"half_life_days": []}}, r"'reranker\.half_life_days': .*at least 1 item"),
        ({"reranker": {"user_dropout": 1}}, r"'reranker\.user_dropout': .*less than 1"),
        ({"reranker": {"products": 0}}, r"'reranker\.products': .*greater than or equal to 1"),
        ({"seed": -1}, r"'seed'"),
        ({"seed": 2**32}, r"'seed'"),
        ({"dimension": 2}, r"'dimension': .*greater than or equal to 4 \(got 2\)"),
        ({"dimension": "wide"}, r"'dimension': .*valid integer.* \(got 'wide'\)"),
        ({"name": "a/b"}, r"'name': String should match pattern"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        config(**changes)
    assert str(caught.value).startswith("one.yaml: ")
    assert len(str(caught.value)) < 300


def test_parts_of_the_text_tower():
    assert config().text.parts == ("static", "terms")
    whole = config(text={"parts": ["transformer", "static"], "transformer": "a", "start": "b"}).text
    assert (whole.parts, whole.transformer, whole.start) == (("transformer", "static"), "a", "b")


def test_the_preset_is_the_papers_sibling_rule():
    taxonomy = config(negatives=[{"kind": "in_batch"}, {"kind": "taxonomy", "preset": "tb_hns"}]).negatives[1]
    assert taxonomy == Taxonomic(kind="taxonomy", preset="tb_hns", levels=(0, 1), alpha=0, mask="query")


def test_the_mask_of_each_kind_is_its_own_or_that_of_the_loss():
    full = config(negatives=[{"kind": "in_batch"}, {"kind": "bm25", "mask": "query"}, {"kind": "dynamic"}])
    assert [full.mask_of(negative) for negative in full.negatives] == ["user_query", "query", "user_query"]
    assert full.pool_mask == "user_query"
    assert [negative.kind for negative in full.hard_negatives] == ["bm25", "dynamic"]


def test_the_name_is_required():
    with pytest.raises(ConfigError, match="key 'name' is missing"):
        check({}, TrainingConfig, "one.yaml")
