"""Cuts a long sequence of texts, so that a column on disk is never in memory as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZE = 2000

Text = str | tuple[str, str]
"""A text, or a pair of texts."""


def chunks(texts: Sequence[Text]) -> Iterator[Sequence[Text]]:
    """Return the texts in order, at most `SIZE` at a time."""
    for start in range(0, len(texts), SIZE):
        yield texts[start : start + SIZE]
