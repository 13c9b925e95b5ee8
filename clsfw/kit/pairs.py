"""Texts of a split, each alone or as a pair of texts, read from disk as they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from datasets import Dataset

PAIR = "text_pair"
"""The column of the second texts, where a row is a pair."""

Pair = tuple[str, str]
Text = str | Pair


class Pairs(Sequence[Pair]):
    """Two columns side by side."""

    def __init__(self, texts: Sequence[str], pairs: Sequence[str]) -> None:
        self._sides = (texts, pairs)

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self._sides[0])

    @overload
    def __getitem__(self, at: int) -> Pair: ...

    @overload
    def __getitem__(self, at: slice) -> list[Pair]: ...

    def __getitem__(self, at: int | slice) -> Pair | list[Pair]:
        """Return a pair, or a list of some."""
        first, second = (side[at] for side in self._sides)
        return (first, second) if isinstance(first, str) else list(zip(first, second, strict=True))  # type: ignore[return-value]  # two texts, or two lists

    def __iter__(self) -> Iterator[Pair]:
        """Return the pairs in their order."""
        return zip(*self._sides, strict=True)


def texts_of(data: Dataset) -> Sequence[Text]:
    """Return the texts of a split; where it has a column `text_pair`, each is a tuple of both texts."""
    texts: Sequence[str] = data["text"]
    return Pairs(texts, data[PAIR]) if PAIR in data.column_names else texts


def sides(text: Text) -> tuple[str, ...]:
    """Return the text alone, or both texts of a pair."""
    return (text,) if isinstance(text, str) else text


def fingerprint(data: Dataset) -> str:
    """Hash the texts and labels of a split in their order, in memory that does not grow with it."""
    digest = hashlib.sha256()
    columns = [name for name in ("label", "text", PAIR) if name in data.column_names]
    for batch in data.select_columns(columns).iter(batch_size=1_000):
        for row in zip(*(batch[name] for name in columns), strict=True):
            digest.update("".join(f"{value}\0" for value in row).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
