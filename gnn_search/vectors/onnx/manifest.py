"""What a folder of ONNX towers holds, and what `onnx.json` says of it."""

from __future__ import annotations

from datetime import datetime

from gnn_search.config.base import StrictModel
from gnn_search.vectors.pieces import PieceSettings

MANIFEST, TEXT_TOWER, TOKENIZER, PERSONAL_TOWER = "onnx.json", "text_tower.onnx", "tokenizer.json", "personal_tower.onnx"
"""Files of a folder of ONNX towers; `text_encoder.py`, `serving.py` and its tables, `NAME.npy`, lie beside them."""


class ValueCodes(StrictModel):
    """The values of one attribute of the users; the code of each is `first` + its place.

    Attributes:
        column: Of the users table.
        first: Code of the first value.
        values: In the order of their codes.
    """

    column: str
    first: int
    values: tuple[str, ...]


class PersonalTowerInfo(StrictModel):
    """The personal tower: what `serving.py` needs to make its inputs. A part that the model lacks is 0, false or empty.

    Attributes:
        clock: `calendar`, or `order` where the graph spread the events evenly in time, and the times of events must be given so too.
        actions: Kinds of action that count as interactions.
        attention_length: Most distinct products of the history in the query's categories.
        sequence_length: Most latest interactions of each sequence.
        sequences: The inputs of latest interactions by name, each with the action that it is of; null for all actions.
        profile_length: Most interactions of the profile, spread evenly over the whole past.
        brands: Whether the profile's brands are an input.
        shared_attributes: Those that products have too, level by level.
        user: Whether the user's vector is an output beside the personal query.
    """

    clock: str
    actions: tuple[str, ...]
    attention_length: int
    sequence_length: int
    sequences: dict[str, str | None]
    profile_length: int
    brands: bool
    attributes: tuple[ValueCodes, ...]
    shared_attributes: tuple[ValueCodes, ...]
    user: bool


class OnnxCheck(StrictModel):
    """How the towers, run by ONNX Runtime, differed from the package's own when they were written.

    Attributes:
        text_difference: Greatest difference of a number in a text's vector.
        requests: Requests of users compared.
        personal_difference: Greatest difference of a number in a personal query's vector; null without a personal tower.
    """

    onnxruntime: str
    texts: int
    text_difference: float
    requests: int
    personal_difference: float | None


class OnnxManifest(StrictModel):
    """What `onnx.json` says of a folder of ONNX towers.

    Attributes:
        model_hash: Hash of the model's configuration, tokenizer and weights.
        as_of: The tables hold the queries' interactions before this time, UTC.
        onnx: Version of the package that wrote them.
        personal_tower: The personal tower; null where the model has nothing to say of users.
        check: How they compare with the package.
    """

    format_version: int
    model_hash: str
    graph_hash: str
    as_of: datetime
    dimension: int
    opset: int
    ir_version: int
    onnx: str
    text_tower: PieceSettings
    personal_tower: PersonalTowerInfo | None
    check: OnnxCheck
