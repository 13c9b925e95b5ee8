"""Finds numbers among others, many at once: what a dictionary does for one, without an object for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 by the golden ratio: spreads neighbours over the table (Knuth)


class Table:
    """The places of different keys in a list; at least half of the table is empty, so that few collide."""

    def __init__(self, keys: NDArray[np.int64]) -> None:
        """Put each key into the first free slot from its own one on."""
        bits = max(1, (2 * len(keys)).bit_length())
        self._keys = keys
        self._shift, self._last = np.uint64(64 - bits), (1 << bits) - 1
        self._table = np.full(1 << bits, -1, np.int32)
        left, slots = np.arange(len(keys), dtype=np.int32), self._slots(keys)
        while len(left):
            free = self._table[slots] < 0
            self._table[slots[free]] = left[free]  # of several keys for one slot the last one gets it
            without = self._table[slots] != left
            left, slots = left[without], (slots[without] + 1) & self._last

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the place of each key in the list [N], and -1 where it is not in it."""
        found = np.full(len(keys), -1, np.int32)
        left, slots = np.arange(len(keys)), self._slots(keys)
        while len(left):
            there = self._table[slots]
            here = (there >= 0) & (self._keys[there] == keys[left])
            found[left[here]] = there[here]
            on = (there >= 0) & ~here
            left, slots = left[on], (slots[on] + 1) & self._last
        return found

    def _slots(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        return ((keys.view(np.uint64) * _SPREAD) >> self._shift).astype(np.int64)
