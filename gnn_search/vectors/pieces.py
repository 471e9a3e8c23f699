"""What another program has to know of a bag of pieces: its limits, its table, and the file that cuts texts."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from torch import Tensor

from gnn_search.config.base import StrictModel
from gnn_search.model import text_encoder
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.tokens import most_characters, unknown_token


class PieceSettings(StrictModel):
    """How texts are cut into pieces, as `TextPieces` reads it.

    Attributes:
        dimension: Of the vectors.
        vocabulary: Tokens; their pieces come first. 0 for a tower without them.
        max_tokens: Tokens of a text that count; the tokenizer sees to it. null for all.
        max_characters: Characters of a text that count for the tokens, to be cut off before the tokenizer; null for all.
        buckets: Numbers that terms are hashed to; their pieces come behind the tokens. 0 for a tower without them.
        grams: Lengths of the n-grams that are terms beside the words.
    """

    dimension: int
    vocabulary: int
    max_tokens: int | None
    max_characters: int | None
    buckets: int
    grams: tuple[int, ...]

    @classmethod
    def of(cls, tower: BagTower) -> Self:
        """Describe a tower."""
        tokenizer, hasher = tower.tokenizer, tower.hasher
        truncation = None if tokenizer is None else tokenizer.truncation
        return cls(
            dimension=tower.dimension,
            vocabulary=0 if tokenizer is None else tokenizer.get_vocab_size(),
            max_tokens=None if truncation is None else int(truncation["max_length"]),
            max_characters=None if tokenizer is None else most_characters(tokenizer),
            buckets=0 if hasher is None else hasher.buckets,
            grams=() if hasher is None else hasher.grams,
        )


def piece_table(tower: BagTower) -> Tensor:
    """Return the vector of each piece, the unknown token's zero, as the tower leaves it out: float32 [vocabulary + buckets, d]."""
    table, unknown = tower.folded(), None if tower.tokenizer is None else unknown_token(tower.tokenizer)
    if unknown is not None:
        table[unknown] = 0
    return table.contiguous()


def write_text_encoder(folder: Path) -> None:
    """Copy the file that cuts and encodes texts without this package."""
    source = Path(text_encoder.__file__)
    (folder / source.name).write_bytes(source.read_bytes())
