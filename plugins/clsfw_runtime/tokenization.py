"""Texts to token ids: in batches on the `tokenizers` library, with the ids that transformers itself would give.

The tokenizer is a private copy without the truncation and padding that a checkpoint's `tokenizer.json` may carry (and
that every call of a transformers tokenizer changes): the whole text is tokenized, so that its full length is known,
and then cut here.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import tokenizers
from tokenizers import Encoding, Tokenizer

from clsfw import ModelError, TokenizedTexts

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION = 1
"""Raised when the same texts give other ids, so that no cache is taken for the new ones."""
_CHUNK = 1024


class Tokenization:
    """One exact way from texts to ids.

    `side` is where a long text loses its rest: "right" as a rule, "left" for the checkpoints that say so.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, side: str = "right", *, types: bool = False) -> None:
        """Take the tokenizer; `types` says whether the model separates the texts of a pair by token types."""
        self.max_length = max_length
        self._types = types
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._left = side == "left"
        probe = self._tokenizer.encode("a")
        inner = [index for index, special in enumerate(probe.special_tokens_mask) if not special]
        start, end = (inner[0], inner[-1] + 1) if inner else (len(probe), len(probe))
        self._prefix, self._suffix = probe.ids[:start], probe.ids[end:]

    def key(self) -> str:
        """Hash what decides the ids."""
        parts = [_VERSION, tokenizers.__version__, self._tokenizer.to_str(), self.max_length, self._left, self._types]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def tokenize_pairs(self, pairs: Sequence[tuple[str, str]]) -> TokenizedTexts:
        """Tokenize pairs; of one that is too long the longer text is cut first, by `longest_first` of transformers.

        Raises:
            ModelError: no pair fits into `max_length`.

        """
        special = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        if self.max_length <= special + 1:
            raise ModelError(
                f"max_length = {self.max_length} leaves no room for a pair of texts, {special} tokens being special"
            )
        cutting = Tokenizer.from_str(self._tokenizer.to_str())
        cutting.enable_truncation(
            self.max_length, strategy="longest_first", direction="left" if self._left else "right"
        )
        ids: list[list[int]] = []
        types: list[list[int]] = []
        tokens, lost = np.empty(len(pairs), dtype=np.int64), np.zeros((len(pairs), 2), dtype=np.int64)
        for start in range(0, len(pairs), _CHUNK):
            chunk = [(sound(text), sound(pair)) for text, pair in pairs[start : start + _CHUNK]]
            for pair, whole in zip(chunk, self._tokenizer.encode_batch_fast(chunk), strict=True):
                row, kept = len(ids), whole
                tokens[row] = len(whole)
                if len(whole) > self.max_length:  # the few that are: the library cuts them, so that all is as it does
                    kept = cutting.encode(*pair)
                    lost[row] = np.subtract(_of_each(whole), _of_each(kept))
                ids.append(kept.ids)
                types.append(kept.type_ids)
        return TokenizedTexts(ids, tokens, tokens > self.max_length, types if self._types else None, lost)

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Tokenize in chunks; the library uses every core unless `TOKENIZERS_PARALLELISM` says otherwise."""
        ids: list[list[int]] = []
        tokens = np.empty(len(texts), dtype=np.int64)
        for start in range(0, len(texts), _CHUNK):
            chunk = [sound(text) for text in texts[start : start + _CHUNK]]
            for encoding in self._tokenizer.encode_batch_fast(chunk):
                tokens[len(ids)] = len(encoding)
                ids.append(self._cut(encoding.ids))
        return TokenizedTexts(ids, tokens, tokens > self.max_length)

    def _cut(self, ids: list[int]) -> list[int]:
        if len(ids) <= self.max_length:
            return ids
        room = self.max_length - len(self._prefix) - len(self._suffix)
        inner = ids[len(self._prefix) : len(ids) - len(self._suffix)]
        return [*self._prefix, *(inner[len(inner) - room :] if self._left else inner[:room]), *self._suffix]


def _of_each(encoding: Encoding) -> tuple[int, int]:
    """Count the tokens of each text of a pair."""
    return encoding.sequence_ids.count(0), encoding.sequence_ids.count(1)


def sound(text: str) -> str:
    """Replace halves of surrogate pairs, which no UTF-8 can hold; whole pairs become their character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
