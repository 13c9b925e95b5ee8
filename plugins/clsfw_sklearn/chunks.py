"""Cuts a long sequence of texts, so that a column on disk is never in memory as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZE = 2000


def chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Return the texts in order, at most `SIZE` at a time."""
    for start in range(0, len(texts), SIZE):
        yield texts[start : start + SIZE]
