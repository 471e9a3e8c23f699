"""Write the folder of ONNX towers, and check it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from gnn_search.arrays import Float32, Int32, spread_evenly
from gnn_search.errors import ArtefactError, MissingExtraError
from gnn_search.graph.store import to_datetime
from gnn_search.layout import FORMAT_VERSION, write_json
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.text_encoder import TextPieces
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings
from gnn_search.vectors.onnx.manifest import (
    MANIFEST,
    PERSONAL_TOWER,
    TEXT_TOWER,
    TOKENIZER,
    OnnxCheck,
    OnnxManifest,
    PersonalTowerInfo,
)
from gnn_search.vectors.onnx.network import IR_VERSION, OPSET
from gnn_search.vectors.onnx.personal_tower import user_of, write_onnx_personal_tower, write_serving_tables
from gnn_search.vectors.onnx.serving import ServingTables, read_tables
from gnn_search.vectors.onnx.text_tower import write_onnx_text_tower
from gnn_search.vectors.pieces import PieceSettings

TOLERANCE = 1e-5
"""Greatest difference of a number in a unit vector."""
_REQUESTS, _TEXTS, _BATCH = 256, 1024, 64
_ODD_TEXTS = ("", "\N{SNOWMAN}", "wihte bred", "\u82f9\u679c\u624b\u673a\u58f3", "x" * 500, "word " * 100)
"""None, an unknown one, typos, no spaces, too long a word, too many words."""


def write_onnx_towers(folder: Path, model: Model, shop: NodeEmbeddings) -> OnnxManifest:
    """Make a folder of all that a server needs to encode requests without torch and graph beside vectors of known products and queries.

    The towers are run by ONNX Runtime and compared with the package before the manifest is written.

    Raises:
        ConfigError: The text tower has a transformer, or a network would be too large for the format.
        ArtefactError: The towers differ from the package's.
        MissingExtraError: The package onnx or onnxruntime is not installed.
    """
    folder.mkdir()
    text, personal = write_onnx_text_tower(folder, model), write_onnx_personal_tower(folder, model)
    if personal is not None:
        write_serving_tables(folder, model, personal, shop.as_of)
    products = torch.from_numpy(shop.vectors["product"])
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of), products)
    manifest = OnnxManifest(
        format_version=FORMAT_VERSION,
        model_hash=model.manifest.hash,
        graph_hash=model.graph.manifest.hash,
        as_of=to_datetime(shop.as_of),
        dimension=model.config.dimension,
        opset=OPSET,
        ir_version=IR_VERSION,
        onnx=version("onnx"),
        text_tower=text,
        personal_tower=personal,
        check=check_towers(folder, model, encoder, text, personal),
    )
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


class OnnxTextTower:
    """The text tower of a folder, run by ONNX Runtime on one thread.

    Raises:
        MissingExtraError: The package onnxruntime is not installed.
    """

    def __init__(self, folder: Path, settings: PieceSettings) -> None:
        self._session = open_session(folder / TEXT_TOWER)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER)) if settings.vocabulary else None
        self._pieces = TextPieces(settings.model_dump(), tokenizer)

    def __call__(self, texts: Sequence[str]) -> Float32:
        """Encode texts: float32 [n, d], unit length, zero for a text of which nothing is known."""
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        return np.concatenate([self._session.run(["vector"], self._pieces.inputs(batch))[0] for batch in batches])


def open_session(file: Path) -> Any:
    """Open a network by ONNX Runtime, on one thread.

    Raises:
        MissingExtraError: The package onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"ONNX files are checked with {error.name}, which is not installed; run: pip install 'gnn-search[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def check_towers(folder: Path, model: Model, encoder: NodeEncoder, text: PieceSettings, personal: PersonalTowerInfo | None) -> OnnxCheck:
    """Compare the towers of a folder with the package's, on texts and requests spread over the shop.

    Raises:
        ArtefactError: They differ.
        MissingExtraError: The package onnxruntime is not installed.
    """
    import onnxruntime

    texts = model.graph.nodes("query")["query"].gather(spread_evenly(model.graph.num_nodes["query"], _TEXTS)).to_list()
    texts = [*texts, *_ODD_TEXTS]
    difference = _greatest(OnnxTextTower(folder, text)(texts), encoder.encode_texts(texts).numpy(), "text_tower.onnx")
    requests, moved = 0, None
    if personal is not None:
        user, query = _requests(model)
        requests = len(user)
        ours = encoder.encode_requests(user, query).numpy()
        moved = _greatest(run_requests(folder, model, encoder, personal, user, query), ours, "personal_tower.onnx")
    return OnnxCheck(
        onnxruntime=onnxruntime.__version__,
        texts=len(texts),
        text_difference=difference,
        requests=requests,
        personal_difference=moved,
    )


def run_requests(
    folder: Path, model: Model, encoder: NodeEncoder, info: PersonalTowerInfo, user: Int32, query: Int32, batch: int = _BATCH
) -> Float32:
    """Encode requests for known queries as a server would, by `serving.py` and ONNX Runtime.

    Shapes:
        - user: int32 [n], -1 for nobody
        - query: int32 [n]
        - returns: float32 [n, d]
    """
    tables, session = ServingTables(info.model_dump(), read_tables(folder)), open_session(folder / PERSONAL_TOWER)
    vectors, texts = encoder.encode_queries(query).numpy(), encoder.encode_query_texts(query).numpy()
    products, parts = encoder.products.numpy(), []
    for start in range(0, len(user), batch):
        rows = range(start, min(start + batch, len(user)))
        users = [user_of(model.graph, int(user[row]), encoder.view.time) for row in rows]
        history_queries = [tables.history_query(int(query[row]), texts[row]) for row in rows]
        parts.append(session.run(["personal"], tables.inputs(vectors[start : start + batch], history_queries, users, products))[0])
    return np.concatenate(parts) if parts else vectors


def _requests(model: Model) -> tuple[Int32, Int32]:
    """Return requests that users made in the training period, every eighth taken as nobody's."""
    examples = model.graph.examples("train")
    picked = examples[spread_evenly(examples.height, _REQUESTS)]
    user = picked["user"].fill_null(-1).to_numpy().astype(np.int32)
    user[::8] = -1
    return user, picked["query"].to_numpy().astype(np.int32)


def _greatest(theirs: Float32, ours: Float32, name: str) -> float:
    difference = float(np.abs(theirs - ours).max(initial=0.0))
    # Not above: it may be no number.
    if not difference <= TOLERANCE:
        raise ArtefactError(
            f"{name} differs by {difference:.1e} from the model in a vector's number, where at most {TOLERANCE:.0e} is due to rounding; "
            "ONNX Runtime may have a fault on this machine, so install another version of it, or leave ONNX out"
        )
    return difference
