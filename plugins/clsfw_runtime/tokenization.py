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
from tokenizers import Tokenizer

from clsfw import TokenizedTexts

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION = 1
"""Raised when the same texts give other ids, so that no cache is taken for the new ones."""
_CHUNK = 1024


class Tokenization:
    """One exact way from texts to ids.

    `side` is where a long text loses its rest: "right" as a rule, "left" for the checkpoints that say so.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, side: str = "right") -> None:
        self.max_length = max_length
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
        parts = [_VERSION, tokenizers.__version__, self._tokenizer.to_str(), self.max_length, self._left]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

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


def sound(text: str) -> str:
    """Replace halves of surrogate pairs, which no UTF-8 can hold; whole pairs become their character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
