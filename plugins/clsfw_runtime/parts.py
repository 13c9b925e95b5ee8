"""Cuts tokenized texts into parts that waste little on padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

TOKENS = 4096
"""Tokens computed at a time, padding counted: enough to keep a CPU's matrix products near their best."""


def parts(ids: Sequence[Sequence[int]], pad: int, budget: int = TOKENS) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Yield row numbers [B], token ids [B, L] and the attention mask [B, L], the longest texts first.

    A part holds at most `budget` tokens, padding counted, or one text. Longest first, so that memory runs out at the
    beginning or not at all.
    """
    # A text without any token has nothing that a model could look at; one padding token stands for it.
    lengths = np.array([max(1, len(row)) for row in ids], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        rows = order[start : start + max(1, budget // longest)]
        padded = np.full((len(rows), longest), pad, dtype=np.int64)
        mask = np.zeros_like(padded)
        for place, row in enumerate(rows.tolist()):
            padded[place, : len(ids[row])] = ids[row]
            mask[place, : lengths[row]] = 1
        yield rows, padded, mask
        start += len(rows)
