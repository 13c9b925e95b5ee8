"""Texts longer than the model, in windows that overlap: those of `return_overflowing_tokens` in transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Cut(NamedTuple):
    """W windows of B texts: `places` of their tokens in the texts' own, one after another; `lengths` [W], `counts` [B].

    `counts` says how many windows each text has; they lie in the order of the texts.
    """

    places: Ints
    lengths: Ints
    counts: Ints


@dataclass(frozen=True)
class Windows:
    """How texts of more than `length` tokens are read.

    Each window has the special tokens of a text, `special` of them before and behind, and shares `stride` tokens with
    the next one. `pool` makes one row of logits out of those of a text's windows.
    """

    length: int
    stride: int
    pool: Literal["mean", "max"]
    special: tuple[int, int]

    @property
    def step(self) -> int:
        """How many tokens a window begins behind the one before."""
        return self.length - sum(self.special) - self.stride

    def counts(self, lengths: Ints) -> Ints:
        """Return how many windows texts of these lengths have, special tokens included."""
        counts: Ints = 1 + np.maximum(0, -(-(lengths - self.length) // self.step))
        return counts

    def cut(self, lengths: Ints) -> Cut:
        """Cut texts of these lengths, which lie one after another."""
        before, behind = self.special
        counts = self.counts(lengths)
        places: list[Ints] = []
        for start, length, count in zip(np.cumsum(lengths) - lengths, lengths, counts, strict=True):
            if count == 1:
                places.append(np.arange(start, start + length))
                continue
            head, end = np.arange(start, start + before), start + length - behind
            for first in start + before + self.step * np.arange(count):
                inner = np.arange(first, min(first + self.step + self.stride, end))
                places.append(np.concatenate([head, inner, np.arange(end, end + behind)]))
        return Cut(np.concatenate(places), np.array([len(place) for place in places], np.int64), counts)

    def split(self, ids: Sequence[Sequence[int]]) -> tuple[list[list[int]], Ints]:
        """Return the windows of texts, and how many each text has."""
        if not ids:
            return [], np.empty(0, np.int64)
        flat = np.concatenate([np.asarray(row, np.int64) for row in ids])
        cut = self.cut(np.array([len(row) for row in ids], np.int64))
        ends = np.cumsum(cut.lengths)
        return [part.tolist() for part in np.split(flat[cut.places], ends[:-1])], cut.counts
