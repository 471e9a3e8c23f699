"""Words must not cost a look at all of a large catalogue's."""

from __future__ import annotations

import time

import numpy as np

from gnn_search.graph.lexical.spelling import SpellingIndex


def test_a_misspelt_word_among_100_000_takes_a_few_milliseconds():
    """About 1 ms of one core's time; the bound leaves room for a slow machine."""
    random = np.random.default_rng(0)
    letters = np.array(list("eeeetttaaaooiinnsshhrrddlcumwfgypbvk"))
    words = sorted({"".join(random.choice(letters, size=random.integers(4, 12))) for _ in range(110_000)})
    assert len(words) > 100_000
    index = SpellingIndex(words, np.ones(len(words), dtype=np.int64))
    typed = [word[:2] + word[3:] for word in words[:: len(words) // 100] if len(word) > 6]
    start = time.process_time()
    found = [index.near(word, 3) for word in typed]
    each = (time.process_time() - start) / len(typed)
    assert each < 0.01
    assert np.mean([len(one.word) > 0 for one in found]) > 0.9
