"""Counts words, and pairs of words that follow each other, as `CountVectorizer` does: by numbers instead of strings.

A term is known by the ranks of its words among all words in their order. Since the blank between two words comes before
all that a word may hold, terms in the order of their letters are terms in the order of these ranks.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from itertools import count, repeat
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack

from clsfw_sklearn.words import NO_WORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from clsfw_sklearn.words import Numbered, Words

    Ints = NDArray[np.int64]
    Ranks = NDArray[np.int32]

_TEXTS, _LETTERS = 2000, 4_000_000
"""So many texts are counted at a time, fewer if they are long."""
_HALF, _LOWER = 32, 2**32 - 1  # a key has the first word in its upper half, and one more than the second in its lower


@dataclass(frozen=True)
class Terms:
    """Terms [F] in the order of their letters: `words` in their order, and for each term the ranks of its words.

    A term of one word has the rank -1 in the place of the second.
    """

    words: Sequence[str]
    first: Ranks
    second: Ranks

    @property
    def size(self) -> int:
        """The bytes that they take."""
        return sum(map(sys.getsizeof, self.words)) + self.first.nbytes + self.second.nbytes

    def names(self, chosen: Ints) -> list[str]:
        """Return some terms as they are written."""
        words, pairs = self.words, zip(self.first[chosen].tolist(), self.second[chosen].tolist(), strict=True)
        return [words[a] if b < 0 else f"{words[a]} {words[b]}" for a, b in pairs]


def learned(texts: Iterable[str], words: Words) -> tuple[Terms, csr_matrix]:
    """Return all terms of texts, and how often each is in each text [N, F], in as few bytes as it takes.

    Raises:
        ValueError: there is no term.

    """
    numbers = defaultdict(count().__next__, words.marks)  # words are numbered as they are met, and ranked at the end
    met = [words.numbered(chunk, lambda given: map(numbers.__getitem__, given)) for chunk in _chunks(texts)]
    known = sorted(numbers.keys() - words.marks.keys())
    rank = np.empty(len(known), np.int32)
    rank[[numbers[word] for word in known]] = np.arange(len(known), dtype=np.int32)
    for i, each in enumerate(met):
        met[i] = each.renumbered(rank)
    keys = [np.empty(0, np.int64)]
    if words.singles:
        keys.append(_key(np.arange(len(known), dtype=np.int32), np.full(len(known), NO_WORD, np.int32)))
    if words.pairs:
        keys += [_distinct(_key(*each.pairs()[1:])) for each in met]
    every = _distinct(np.concatenate(keys))
    if not len(every):
        raise ValueError("empty vocabulary; perhaps the documents only contain stop words")
    terms = Terms(known, (every >> _HALF).astype(np.int32), ((every & _LOWER) - 1).astype(np.int32))
    columns = _Columns(terms.first, terms.second, len(known))
    counts = map(columns.counts, met)
    return terms, vstack([part.astype(np.min_scalar_type(part.data.max(initial=0))) for part in counts], format="csr")


class Counter:
    """Counts the terms of a vocabulary, which are given as they are written, in the order of their letters."""

    def __init__(self, vocabulary: Sequence[str], words: Words) -> None:
        """Number the terms.

        Raises:
            ValueError: they are not in order, or something else than words and pairs of them is among them.

        """
        parts = " ".join(vocabulary).split(" ")
        blanks = np.fromiter(map(str.count, vocabulary, repeat(" ")), np.int64, len(vocabulary))
        known = sorted(set(parts))
        rank = {word: number for number, word in enumerate(known)}
        ranks = np.fromiter(map(rank.__getitem__, parts), np.int32, len(parts))
        last = np.cumsum(blanks + 1) - 1  # where the last word of each term stands
        first, second = ranks[last - blanks], np.where(blanks > 0, ranks[last], np.int32(NO_WORD))
        if "" in rank or blanks.max() > 1 or not (np.diff(_key(first, second)) > 0).all():
            raise ValueError("not words and pairs of words in order")
        self._words = words
        self._rank = rank | words.marks
        self._columns = _Columns(first, second, len(known))

    def count(self, texts: Iterable[str]) -> tuple[csr_matrix, Ints]:
        """Return how often each term is in each text [N, F], as float64, and how many words each text has [N]."""
        counts, lengths = [self._columns.none()], [np.empty(0, np.int64)]
        for chunk in _chunks(texts):
            found = self._words.numbered(chunk, self._numbers)
            counts.append(self._columns.counts(found))
            lengths.append(found.lengths)
        return vstack(counts, format="csr", dtype=np.float64), np.concatenate(lengths)

    def _numbers(self, words: Iterable[str]) -> Iterable[int]:
        return map(self._rank.get, words, repeat(NO_WORD))


class _Columns:
    """Finds the column of a term by the ranks of its words."""

    def __init__(self, first: Ranks, second: Ranks, words: int) -> None:
        """Take the terms [F] in order, and the number of all words."""
        self._width = len(first)
        alone = second == NO_WORD
        self._singles = np.full(words + 1, -1, np.int32)  # the last one is that of no word
        self._singles[first[alone]] = np.flatnonzero(alone)
        self._pairs = np.flatnonzero(~alone).astype(np.int32)
        self._index = pd.Index(_key(first[~alone], second[~alone]))  # a table that finds many keys at once

    def none(self) -> csr_matrix:
        """Return the counts of no texts."""
        return csr_matrix((0, self._width), dtype=np.int32)

    def counts(self, found: Numbered) -> csr_matrix:
        """Return how often each term is in each of N texts, [N, F], columns in order."""
        columns = np.full((len(found.numbers), 2), -1, np.int32)  # of each word, and of the pair of it and the next one
        columns[:, 0] = self._singles[found.numbers]
        if len(self._pairs):
            both, first, second = found.pairs()
            at = self._index.get_indexer(_key(first, second))  # -1 where there is no such pair
            columns[:-1, 1][both] = np.where(at >= 0, self._pairs[at], np.int32(-1))
        met = columns >= 0
        height, rows = len(found.lengths), found.rows
        in_each = sum(np.bincount(rows[met[:, side]], minlength=height) for side in (0, 1))
        starts = np.concatenate([[0], np.cumsum(in_each)])
        given = columns[met]
        counts = csr_matrix((np.ones(len(given), np.int32), given, starts), shape=(height, self._width))
        counts.sum_duplicates()
        return counts


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk, letters = [], 0
    for text in texts:
        chunk.append(text)
        letters += len(text)
        if len(chunk) >= _TEXTS or letters >= _LETTERS:
            yield chunk
            chunk, letters = [], 0
    if chunk:
        yield chunk


def _key(first: Ranks, second: Ranks) -> Ints:
    """Return one number for each term, which rise as the terms do."""
    return (first.astype(np.int64) << _HALF) + second + 1


def _distinct(keys: Ints) -> Ints:
    """Return each key once, in order; `np.unique` takes several times as long."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
