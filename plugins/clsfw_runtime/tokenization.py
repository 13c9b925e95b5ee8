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
UNCUT = 2**31 - 1
"""The `max_length` of texts that are not cut."""


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

    @property
    def special(self) -> tuple[int, int]:
        """How many special tokens a text has before and behind its own."""
        return len(self._prefix), len(self._suffix)

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
        ids: list[list[int]] = []
        types: list[list[int]] = []
        tokens, lost = np.empty(len(pairs), dtype=np.int64), np.zeros((len(pairs), 2), dtype=np.int64)
        for start in range(0, len(pairs), _CHUNK):
            chunk = [(sound(text), sound(pair)) for text, pair in pairs[start : start + _CHUNK]]
            for whole in self._tokenizer.encode_batch_fast(chunk):
                row, all_ids, all_types = len(ids), whole.ids, whole.type_ids  # each a copy of its own
                tokens[row] = len(all_ids)
                if len(all_ids) > self.max_length:
                    kept, lost[row] = self._cut_pair(whole, self.max_length - special)
                    all_ids, all_types = [all_ids[place] for place in kept], [all_types[place] for place in kept]
                ids.append(all_ids)
                types.append(all_types)
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

    def _cut_pair(self, whole: Encoding, room: int) -> tuple[list[int], tuple[int, int]]:
        """Return which tokens of a pair are kept, in order, and how many each text loses."""
        # The tokenizers library cuts a pair too, but it also makes every combination of what it cut off, which of two
        # long texts takes minutes and gigabytes.
        sides: tuple[list[int], list[int]] = ([], [])
        special: list[int] = []
        for place, side in enumerate(whole.sequence_ids):
            (special if side is None else sides[side]).append(place)
        sizes = longest_first(len(sides[0]), len(sides[1]), room)
        kept = [
            side[len(side) - size :] if self._left else side[:size] for side, size in zip(sides, sizes, strict=True)
        ]
        lost = len(sides[0]) - sizes[0], len(sides[1]) - sizes[1]
        return sorted([*special, *kept[0], *kept[1]]), lost

    def _cut(self, ids: list[int]) -> list[int]:
        if len(ids) <= self.max_length:
            return ids
        room = self.max_length - len(self._prefix) - len(self._suffix)
        inner = ids[len(self._prefix) : len(ids) - len(self._suffix)]
        return [*self._prefix, *(inner[len(inner) - room :] if self._left else inner[:room]), *self._suffix]


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """Return how many tokens of each text of a pair are kept: the longer one is cut first, then both alike.

    As transformers' `longest_first` does it; where both are cut and `room` is odd, the longer one keeps one more.
    """
    if first + second <= room:
        return first, second
    shorter = min(first, second, room // 2)
    longer = room - shorter
    return (longer, shorter) if first > second else (shorter, longer)


def sound(text: str) -> str:
    """Replace halves of surrogate pairs, which no UTF-8 can hold; whole pairs become their character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
