"""The subword tokenizer, trained on the shop's own text, and token lists as flat arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from gnn_search.arrays import Int32, Int64
from gnn_search.config.training import TextSettings

UNKNOWN = "[UNK]"


@dataclass(frozen=True)
class TokenLists:
    """The tokens of many texts, ragged.

    Shapes:
        - indptr: int64 [texts + 1]
        - token: int32 [tokens]
    """

    indptr: Int64
    token: Int32


def train_tokenizer(texts: Iterable[str], settings: TextSettings) -> Tokenizer:
    """Train a byte-pair tokenizer; the same texts give the same tokenizer.

    Pieces inside a word carry no prefix: the trainer numbers prefixed pieces in the order of a hash table, which differs from run to run.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=False)])
    trainer = trainers.BpeTrainer(vocab_size=settings.vocabulary, special_tokens=[UNKNOWN], show_progress=False, min_frequency=2)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.enable_truncation(settings.max_tokens)
    return tokenizer


class TokenCutter:
    """Cuts texts into the tokens of one tokenizer; characters that it does not know are left out.

    A very long text is cut to `most_characters` first, as the model2vec package does, so that an exported text tower gives the same
    vectors.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        # Found once: it takes longer than to cut one query.
        self._unknown, self._most = unknown_token(tokenizer), most_characters(tokenizer)

    def __call__(self, texts: Sequence[str]) -> TokenLists:
        """Return the tokens of each text."""
        cut = [text[: self._most] for text in texts]
        lists = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(cut, add_special_tokens=False)]
        lengths = np.fromiter((len(ids) for ids in lists), dtype=np.int64, count=len(lists))
        token = np.fromiter((token for ids in lists for token in ids), dtype=np.int32, count=int(lengths.sum()))
        row = np.repeat(np.arange(len(lists)), lengths)
        known = np.ones(len(token), np.bool_) if self._unknown is None else token != self._unknown
        indptr = np.cumsum(np.r_[0, np.bincount(row[known], minlength=len(lists))])
        return TokenLists(indptr, token[known])


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """Return the token that stands for what a tokenizer does not know; None for one that knows everything."""
    if hasattr(tokenizer.model, "unk_token"):
        name = tokenizer.model.unk_token
        return None if name is None else tokenizer.token_to_id(name)
    # A unigram model has a number instead, which only its JSON tells.
    number = json.loads(tokenizer.to_str())["model"].get("unk_id")
    return None if number is None else int(number)


def most_characters(tokenizer: Tokenizer) -> int | None:
    """Return how many characters of a text count: the most tokens times the median length of a token; None for all."""
    if tokenizer.truncation is None:
        return None
    return int(tokenizer.truncation["max_length"]) * int(np.median([len(token) for token in tokenizer.get_vocab()]))
