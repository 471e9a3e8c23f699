"""Noise on queries and pseudo-queries: how many, of what, and the same for the same step."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple

import numpy as np
import pytest

from gnn_search.config.training import AugmentationSettings
from gnn_search.sampling.augmentation import AugmentedTexts, Augmenter
from gnn_search.sampling.random_source import RandomSource
from gnn_search.tables.plurals import change_number

QUERIES = ["whole milk", "frozen pizzas", "bread", "organic green tea bags", "", "苹果手机壳", "WD-40 spray can"]
PRODUCTS = ["Acme Whole Milk Gallon Organic Fresh", "Pizza", "", "Red  Garden hose 50ft acme", "苹果 手机壳"]
STEPS = 200


def augmenter(seed: int = 0, products: list[str] = PRODUCTS, **settings: float) -> Augmenter:
    return Augmenter(
        AugmentationSettings(**{"noise": 1, "pseudo_queries": 1, "typos": 0, **settings}), QUERIES, products, RandomSource(seed)
    )


def drawn(source: Augmenter, count: int = STEPS, batch_size: int = 8) -> list[AugmentedTexts]:
    every = np.arange(len(QUERIES), dtype=np.int32)
    return [source.draw(step, every, batch_size) for step in range(count)]


def noisy(texts: AugmentedTexts) -> list[tuple[int, str]]:
    return list(zip(texts.noisy.tolist(), texts.texts[: len(texts.noisy)], strict=True))


def pseudo(texts: AugmentedTexts) -> list[tuple[int, str]]:
    return list(zip(texts.product.tolist(), texts.texts[len(texts.noisy) :], strict=True))


def same(one: AugmentedTexts, other: AugmentedTexts) -> bool:
    return all(np.array_equal(left, right) for left, right in zip(astuple(one), astuple(other), strict=True))


def test_a_step_is_always_the_same_and_no_other_is():
    first, again = drawn(augmenter(typos=0.5), 6), augmenter(typos=0.5)
    every = np.arange(len(QUERIES), dtype=np.int32)
    for step in (5, 0, 3):
        assert same(again.draw(step, every, 8), first[step])
    assert len({tuple(texts.texts) for texts in first}) == 6
    assert not same(drawn(augmenter(seed=1, typos=0.5), 1)[0], first[0])


def test_as_many_as_the_settings_say():
    steps = drawn(augmenter(noise=0.3, pseudo_queries=0.7))
    assert {len(texts.product) for texts in steps} == {round(0.7 * 8)}
    assert np.mean([len(texts.noisy) for texts in steps]) == pytest.approx(0.3 * len(QUERIES), abs=0.25)
    assert all(len(texts.texts) == len(texts.noisy) + len(texts.product) for texts in steps)
    # Each query has its turn.
    assert {place for texts in steps for place, _ in noisy(texts)} == set(range(len(QUERIES)))


def test_shares_of_nothing_draw_nothing():
    for texts in drawn(augmenter(noise=0, pseudo_queries=0), 5):
        assert (len(texts.noisy), len(texts.product), texts.texts) == (0, 0, [])


def test_noise_of_all_reaches_all():
    assert all(texts.noisy.tolist() == list(range(len(QUERIES))) for texts in drawn(augmenter(), 5))


def test_noise_changes_one_word():
    kinds: Counter[str] = Counter()
    for place, text in (found for texts in drawn(augmenter()) for found in noisy(texts)):
        before, after = QUERIES[place].lower().split(), text.split()
        if len(after) < len(before):
            assert after in [before[:at] + before[at + 1 :] for at in range(len(before))]
            kinds["left out"] += 1
            continue
        assert len(after) == len(before)
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        assert len(changed) <= 1
        for old, new in changed:
            kinds["number" if change_number([old]) == [new] else "typo"] += 1
    assert min(kinds["left out"], kinds["number"], kinds["typo"]) > 50


def test_a_query_of_one_word_keeps_it():
    texts = [text for texts in drawn(augmenter()) for place, text in noisy(texts) if QUERIES[place] == "bread"]
    assert len(texts) == STEPS
    assert "" not in texts
    assert {"breads", "bread"} < {*texts, "bread"}
    assert len(set(texts)) > 5


def test_noise_on_what_can_not_change_leaves_it():
    found = {QUERIES[place]: text for texts in drawn(augmenter(), 20) for place, text in noisy(texts)}
    assert (found[""], found["苹果手机壳"]) == ("", "苹果手机壳")


def test_pseudo_queries_are_words_of_their_products():
    lengths, neighbouring, scattered = Counter(), 0, 0
    for product, text in (found for texts in drawn(augmenter()) for found in pseudo(texts)):
        words, own = text.split(), PRODUCTS[product].lower().split()
        assert not Counter(words) - Counter(own)
        # In the order of the product's text, most four of them.
        places = [own.index(word) for word in words]
        assert places == sorted(places)
        lengths[len(words), len(own)] += 1
        if len(own) == 6 and len(words) in (2, 3):
            neighbouring += places[-1] - places[0] == len(places) - 1
            scattered += places[-1] - places[0] > len(places) - 1
    assert {count for count, of in lengths if of == 6} == {1, 2, 3, 4}
    assert {count for count, of in lengths if of == 1} == {1}
    assert min(neighbouring, scattered) > 30


def test_products_are_drawn_evenly_but_for_those_without_words():
    counts = Counter(product for texts in drawn(augmenter()) for product, _ in pseudo(texts))
    assert set(counts) == {0, 1, 3, 4}
    assert all(count == pytest.approx(STEPS * 8 / 4, rel=0.2) for count in counts.values())


def test_every_word_of_a_product_is_asked_for():
    words = {word for texts in drawn(augmenter()) for product, text in pseudo(texts) if product == 0 for word in text.split()}
    assert words == set(PRODUCTS[0].lower().split())


def test_typos_change_their_share_of_the_pseudo_queries():
    def changed(share: float) -> float:
        found = [pair for texts in drawn(augmenter(typos=share)) for pair in pseudo(texts) if pair[0] in (0, 1)]
        return float(np.mean([not set(text.split()) <= set(PRODUCTS[product].lower().split()) for product, text in found]))

    assert changed(0) == 0
    # A plural of what has none leaves the word as it is.
    assert 0.2 < changed(0.5) <= 0.5
    assert changed(1) > 0.6


def test_a_catalogue_without_words_gives_no_pseudo_queries():
    for texts in drawn(augmenter(products=["", " "]), 3):
        assert len(texts.product) == 0
        assert len(texts.texts) == len(texts.noisy)


def test_queries_with_noise_for_the_reranker():
    source, query = augmenter(), np.array([0, 3, 4, 0], np.int32)
    texts = source.with_noise(query, 7)
    assert texts == source.with_noise(query, 7) != source.with_noise(query, 8)
    assert texts[2] == ""
    assert all(text != QUERIES[place] for place, text in zip(query, texts, strict=True) if QUERIES[place])


def test_the_chance_that_no_pseudo_query_asks_for_a_product():
    found = augmenter().log_absence(np.array([0, 2, 3], np.int32), 8)
    # Four of the five products have words; the third is never asked for.
    np.testing.assert_allclose(found, [8 * np.log(3 / 4), 0, 8 * np.log(3 / 4)])
    missing = np.mean([0 not in texts.product for texts in drawn(augmenter(), 2000)])
    assert missing == pytest.approx(0.75**8, abs=0.03)


def test_signs_alone_are_no_words():
    texts = [text for texts in drawn(augmenter(products=["a - b & c"]), 20) for _, text in pseudo(texts)]
    assert {word for text in texts for word in text.split()} == {"a", "b", "c"}
