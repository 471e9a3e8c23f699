"""Check the fitted parts of a model: tokenizer, quantiles and ID embeddings may know no later data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from gnn_search.arrays import Bool, sorted_unique
from gnn_search.audit.check import MOST_EXAMPLES, Check, Observation, observe
from gnn_search.audit.model import AuditedModel
from gnn_search.audit.shop import AuditedShop, time_text
from gnn_search.graph.texts import product_texts
from gnn_search.model.tokens import train_tokenizer

_MOST_CHARACTERS = 50_000_000
"""Characters above which training a tokenizer again would take minutes."""
_TRAIN_ANEW = "Train the model anew."


def _tokenizer(model: AuditedModel) -> Iterator[Observation]:
    """Train the tokenizer again on what may be known: the same texts give the same bytes."""
    shop, settings = model.shop, model.config.text
    stored = model.layout.tokenizer.read_text(encoding="utf-8")
    trained = sorted_unique(shop.query[shop.in_period("train") & (shop.time < shop.manifest.validation_start)])
    known = _texts(shop, trained)
    if train_tokenizer(known, settings).to_str() == stored:
        return
    everything = _texts(shop, np.arange(shop.graph.num_nodes["query"]))
    later = np.setdiff1d(np.arange(shop.graph.num_nodes["query"]), trained)
    words = _later_words(stored, known, everything)
    if words or train_tokenizer(everything, settings).to_str() == stored:
        yield Observation(
            severity="error",
            count=max(len(words), 1),
            meaning=f"The tokenizer was trained on queries of {time_text(shop.manifest.validation_start)} or later: new queries are cut "
            "as if they had been known, so the slice of cold queries is no test.",
            advice=_TRAIN_ANEW,
            examples=tuple({"token": word} for word in words[:MOST_EXAMPLES]) or shop.node_examples("query", later),
        )
        return
    yield Observation(
        severity="warning",
        count=1,
        meaning="The tokenizer is not what the training period's texts give, so its training data are unknown.",
        advice="If another version of the tokenizers package made it, ignore this; else train the model anew.",
        examples=({"made_by_tokenizers": model.manifest.versions.get("tokenizers")},),
    )


def _texts(shop: AuditedShop, queries: np.ndarray[tuple[int], np.dtype[np.integer]]) -> list[str]:
    names: list[str] = shop.graph.nodes("category")["name"].to_list()
    return [*product_texts(shop.graph.nodes("product")), *names, *shop.graph.nodes("query")["query"].gather(queries).to_list()]


def _later_words(stored: str, known: list[str], everything: list[str]) -> list[str]:
    """Return tokens of a stored tokenizer that are in no known text, but in a later one."""
    tokenizer = Tokenizer.from_str(stored)
    before, after = ("\n".join(tokenizer.normalizer.normalize_str(text) for text in texts) for texts in (known, everything))
    return [token for token in sorted(tokenizer.get_vocab()) if token in after and token not in before]


def _no_own_tokenizer(model: AuditedModel) -> str | None:
    text = model.config.text
    if "static" not in text.parts:
        return "the text tower has no tokenizer of its own"
    if text.start is not None:
        return "the tokenizer was trained by others, not on the shop's texts"
    graph = model.shop.graph
    characters = sum(int(graph.nodes(kind)[text].str.len_chars().sum()) for kind, text in (("product", "title"), ("query", "query")))
    return "there is too much text to train the tokenizer again" if characters > _MOST_CHARACTERS else model.of_another_graph()


def _quantiles(model: AuditedModel) -> Iterator[Observation]:
    shop, products = model.shop, model.shop.graph.nodes("product")
    trained = shop.positive & shop.in_period("train") & (shop.time < shop.manifest.validation_start)
    for name, borders in model.manifest.quantiles.items():
        values = products[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        expected = _borders(shop, values, trained, len(borders) + 1)
        if len(expected) == len(borders) and np.allclose(borders, expected, rtol=1e-9, atol=0):
            continue
        later = _borders(shop, values, shop.positive, len(borders) + 1)
        same = len(later) == len(borders) and np.allclose(borders, later, rtol=1e-9, atol=0)
        yield Observation(
            severity="error",
            count=int(np.count_nonzero(np.asarray(borders) != expected)) if len(expected) == len(borders) else len(borders),
            meaning=f"The quantiles of the column '{name}' are not those of the products with interactions in the training period"
            f"{', but of those with interactions in any' if same else ''}: the model knows which products sell later.",
            advice=_TRAIN_ANEW,
            examples=tuple(
                {"column": name, "border": float(border), "expected": float(value)}
                for border, value in zip(borders, expected, strict=False)
                if border != value
            )[:MOST_EXAMPLES],
        )


def _borders(shop: AuditedShop, values: np.ndarray[tuple[int], np.dtype[np.float64]], rows: Bool, buckets: int) -> list[float]:
    seen = values[sorted_unique(shop.product[rows])]
    seen = seen[~np.isnan(seen)]
    return np.quantile(seen, np.arange(1, buckets) / buckets).tolist() if len(seen) else []


def _no_quantiles(model: AuditedModel) -> str | None:
    if not model.config.product.numeric or not model.shop.manifest.recipe["tables"]["products"]["numeric"]:
        return "the model has no numeric columns"
    return model.of_another_graph() if model.manifest.quantiles else "the model does not record the quantiles of its numeric columns"


def _id_embeddings(model: AuditedModel) -> Iterator[Observation]:
    """A query's ID embedding starts at zero and is learned once the graph knows the query, so that of a later one is zero."""
    shop, name = model.shop, "query.id_embedding.weight"
    table = model.tensors(model.layout.weights, [name]).get(name)
    if table is None:
        return
    known = shop.query[shop.positive & (shop.time < shop.manifest.validation_start)]
    later = np.setdiff1d(np.arange(len(table)), known)
    learned = later[np.any(table[later] != 0, axis=1)]
    yield from observe(
        "error",
        learned,
        meaning=f"ID embeddings were learned for queries that had no interaction before {time_text(shop.manifest.validation_start)}: the "
        "weights know later events.",
        advice=_TRAIN_ANEW,
        examples=shop.node_examples("query", learned),
    )


CHECKS = (
    Check("tokenizer", "a tokenizer trained on later queries", _tokenizer, _no_own_tokenizer),
    Check("quantiles", "quantiles of numeric columns over products with later interactions", _quantiles, _no_quantiles),
    Check("id-embeddings", "ID embeddings of queries that came later", _id_embeddings, AuditedModel.of_another_graph),
)
