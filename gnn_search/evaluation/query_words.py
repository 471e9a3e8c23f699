"""What the words of a query say: whether one is misspelt, and whether they name the category of what was found."""

from __future__ import annotations

import numpy as np
import polars as pl
from bm25s.stopwords import STOPWORDS_EN
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from gnn_search.arrays import Bool, Int32, Int64, sorted_unique
from gnn_search.graph.lexical.fields import searched_text
from gnn_search.graph.store import Graph
from gnn_search.tables.plurals import change_number
from gnn_search.tables.text import normalise_query
from gnn_search.tables.typos import can_mistype

_WORD = r"[\p{L}\p{M}\p{N}]+"


def find_misspelt(graph: Graph, query: Int32, interactions: Int64) -> Bool:
    """Say which queries have a misspelt word.

    A word is misspelt that neither the products' texts hold nor a query with interactions, while a word of those is one edit away: a letter
    more, less or another, or two neighbouring ones swapped (optimal string alignment, by RapidFuzz). Words of fewer than four letters or
    with digits never are, nor is the plural of a known word or its singular. Near words are found by what is left of both when a letter is
    left out, as SymSpell does (Garbe, https://github.com/wolfgarbe/SymSpell).

    Shapes:
        - query: int32 [n], nodes
        - interactions: int64 [queries], of every query of the graph before the time that counts
        - Returns bool [n]
    """
    texts = graph.nodes("query")["query"]
    # What is looked up itself is known by its interactions alone.
    catalogue = searched_text(graph).to_frame("text").select(normalise_query(pl.col("text"))).to_series()
    known = _words(pl.concat([catalogue, texts.filter(pl.Series(interactions > 0))])).select(pl.col("word").unique()).sort("word")
    distinct = sorted_unique(query)
    mine = _words(texts.gather(distinct))
    unknown = mine.select(pl.col("word").unique()).join(known, on="word", how="anti").sort("word")["word"]
    unknown = unknown.filter(pl.Series(can_mistype(unknown.to_list()), dtype=pl.Boolean))
    other = pl.DataFrame({"word": unknown, "other": pl.Series(change_number(unknown.to_list()), dtype=pl.String)})
    unknown = other.join(known, left_on="other", right_on="word", how="anti", maintain_order="left")["word"]
    wrong = mine.join(_one_edit_from(unknown, known["word"]).to_frame("word"), on="word", how="semi")["row"]
    return np.isin(query, distinct[wrong.to_numpy()])


def names_category(graph: Graph, query: Int32, product: Int32) -> pl.Series:
    """Say which queries name the category of a product: they share a word with its path, in whatever number, or hold its last name.

    Words that say nothing, such as and, don't count.

    Shapes:
        - query, product: int32 [n], nodes
        - Returns Boolean [n], null for a product without a category
    """
    nodes, own = graph.nodes("category"), np.asarray(graph.taxonomy.product_category)[product]
    rows = pl.DataFrame({"query": query, "category": own})
    pairs = rows.unique(maintain_order=True).filter(pl.col("category") >= 0)
    text = graph.nodes("query")["query"].gather(pairs["query"])
    category = nodes.select(normalise_query(pl.col("path", "name")))[pairs["category"]]
    sets = _word_sets(pl.concat([text, category["path"]]))
    found = pl.DataFrame({"query": sets[: len(text)], "path": sets[len(text) :], "text": text, "name": category["name"]}).select(
        (pl.col("query").list.set_intersection("path").list.len() > 0) | pl.col("text").str.contains(pl.col("name"), literal=True)
    )
    named = pairs.with_columns(found.to_series().alias("names"))
    return rows.join(named, on=["query", "category"], how="left", maintain_order="left")["names"]


def _words(texts: pl.Series) -> pl.DataFrame:
    """Cut normalised texts into words: columns row, word."""
    lists = texts.str.extract_all(_WORD).to_frame("word").with_row_index("row")
    return lists.explode("word").drop_nulls("word")


def _word_sets(texts: pl.Series) -> pl.Series:
    """Return the words of each normalised text that say something, each in the shorter of singular and plural."""
    words = _words(texts).filter(~pl.col("word").is_in(STOPWORDS_EN))
    distinct = words.select(pl.col("word").unique()).sort("word")["word"]
    other = pl.Series(change_number(distinct.to_list()), dtype=pl.String)
    forms = pl.DataFrame({"word": distinct, "other": other}).with_columns(
        form=pl.when(pl.col("other").str.len_chars() < pl.col("word").str.len_chars()).then("other").otherwise("word")
    )
    sets = words.join(forms, on="word", how="left", maintain_order="left").group_by("row", maintain_order=True).agg(pl.col("form").unique())
    rows = pl.DataFrame({"row": np.arange(len(texts), dtype=np.uint32)})
    empty = pl.lit([], dtype=pl.List(pl.String))
    return rows.join(sets, on="row", how="left", maintain_order="left").select(pl.col("form").fill_null(empty)).to_series()


def _one_edit_from(words: pl.Series, known: pl.Series) -> pl.Series:
    """Return those of some distinct words that lie one edit from one of others, which hold none of them."""
    if not len(words):
        return words
    lengths = words.str.len_chars().to_numpy()
    known = known.filter(known.str.len_chars().is_between(lengths.min() - 1, lengths.max() + 1))
    mine, theirs = _deletions(words), _deletions(known)
    # One letter less than a known word, or one more.
    found = pl.concat(
        [
            mine.select("word").unique().join(theirs.select(word="rest"), on="word", how="semi")["word"],
            mine.join(known.to_frame("rest"), on="rest", how="semi")["word"],
        ]
    ).unique()
    # Another letter, or two swapped: the same is left of both when one is left out.
    pairs = (
        mine.join(found.to_frame("word"), on="word", how="anti").join(theirs.rename({"word": "known"}), on="rest").unique(["word", "known"])
    )
    if pairs.height:
        distance = cpdist(pairs["word"].to_list(), pairs["known"].to_list(), scorer=OSA.distance, score_cutoff=1, dtype=np.uint8)
        found = pl.concat([found, pairs["word"].filter(pl.Series(distance <= 1))])
    return found.unique().sort()


def _deletions(words: pl.Series) -> pl.DataFrame:
    """Return what is left of each word without one letter: columns word, rest."""
    place = pl.int_ranges(pl.col("word").str.len_chars().cast(pl.Int64)).alias("place")
    rows = words.to_frame("word").with_columns(place).explode("place").drop_nulls("place")
    rest = pl.concat_str(pl.col("word").str.slice(0, pl.col("place")), pl.col("word").str.slice(pl.col("place") + 1))
    return rows.select("word", rest=rest).unique()
