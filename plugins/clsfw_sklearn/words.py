"""Cuts texts into words as `CountVectorizer` does, a chunk of texts at once, and gives them as numbers."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

NO_WORD = -1
"""The number of a word that is in no term."""
_STOPPED, _SHORT, _END = -2, -3, -4  # of a stop word, of a letter alone, which is no word, and of the end of a text
_LETTERS = f"{string.digits}{string.ascii_letters}_"
_DOT = "."  # ends a text; no word holds it


def is_counted_here(options: Mapping[str, Any]) -> bool:
    """Return whether terms are words and pairs of them, as they mostly are."""
    return bool(options["analyzer"] == "word" and options["ngram_range"][1] <= 2)  # noqa: PLR2004  # pairs


@dataclass(frozen=True)
class Numbered:
    """The words [W] of N texts that count, by number; how many of them each text has, and how many in all, [N]."""

    numbers: NDArray[np.int32]
    counting: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def rows(self) -> NDArray[np.int64]:
        """The text of each word, [W]."""
        return np.repeat(np.arange(len(self.counting)), self.counting)

    def renumbered(self, numbers: NDArray[np.int32]) -> Numbered:
        """Return the same with other numbers, which come in the order of these."""
        return Numbered(numbers[self.numbers], self.counting, self.lengths)

    def pairs(self) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.int32]]:
        """Return which words are in a pair with the next one, [W - 1], and the numbers of both words of each pair."""
        known, rows = self.numbers != NO_WORD, self.rows
        both = (rows[1:] == rows[:-1]) & known[1:] & known[:-1]
        return both, self.numbers[:-1][both], self.numbers[1:][both]


class Words:
    """Cuts texts into words, of which those in the list of stop words do not count."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        library = CountVectorizer(**options)
        self._prepare: Callable[[str], str] = library.build_preprocessor()
        self._cut: Callable[[str], list[str]] = library.build_tokenizer()
        stopped: frozenset[str] = library.get_stop_words() or frozenset()
        self.marks = {**dict.fromkeys(stopped, _STOPPED), **dict.fromkeys(_LETTERS, _SHORT), _DOT: _END}
        """Stop words, letters alone and the end of a text, with numbers of their own: they count for no term."""
        self.singles, self.pairs = options["ngram_range"][0] == 1, options["ngram_range"][1] == 2  # noqa: PLR2004
        cased = str.lower if options["lowercase"] else str
        self._blanked = bytes(ord(cased(chr(i))) if chr(i) in _LETTERS else ord(" ") for i in range(256))

    def numbered(self, texts: Sequence[str], numbers: Callable[[Iterable[str]], Iterable[int]]) -> Numbered:
        """Return the words of N texts; `numbers` gives the number of each word, and of each of the marks."""
        cut = f" {_DOT} ".encode().join([*map(self._between_blanks, texts), b""]).decode().split()
        found = np.fromiter(numbers(cut), np.int32, len(cut))
        rows, counting = np.cumsum(found == _END), found >= NO_WORD
        each, every = (np.bincount(rows[some], minlength=len(texts)) for some in (counting, found >= _STOPPED))
        return Numbered(found[counting], each, every)

    def _between_blanks(self, text: str) -> bytes:
        """Return the words of a text with blanks between; letters alone may appear among them."""
        if text.isascii():  # most are, and the table is four times as fast as the library's regular expression
            return text.encode().translate(self._blanked)
        return " ".join(self._cut(self._prepare(text))).encode()
