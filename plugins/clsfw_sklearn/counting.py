"""Counts words, and pairs of words that follow each other, as `CountVectorizer` does: by numbers instead of strings.

A term is known by the ranks of its words among all words in their order. Since the blank between two words comes before
all that a word may hold, terms in the order of their letters are terms in the order of these ranks.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import CountVectorizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_TEXTS = 2000
"""So many texts are counted at a time."""
_HALF, _LOWER = 32, 2**32 - 1  # a key has the first word in its upper half, and one more than the second in its lower


def is_counted_here(options: Mapping[str, Any]) -> bool:
    """Return whether terms are words and pairs of them, as they mostly are."""
    return bool(options["analyzer"] == "word" and options["ngram_range"][1] <= 2)  # noqa: PLR2004  # pairs


class Words:
    """Cuts texts into words, of which those in the list of stop words do not count."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        library = CountVectorizer(**options)
        self._prepare: Callable[[str], str] = library.build_preprocessor()
        self._cut: Callable[[str], list[str]] = library.build_tokenizer()
        self._stopped: frozenset[str] = library.get_stop_words() or frozenset()
        self.singles, self.pairs = options["ngram_range"][0] == 1, options["ngram_range"][1] == 2  # noqa: PLR2004

    def of(self, text: str) -> tuple[list[str], int]:
        """Return the words that count, in their order, and the number of all."""
        words = self._cut(self._prepare(text))
        counting = [word for word in words if word not in self._stopped] if self._stopped else words
        return counting, len(words)


@dataclass(frozen=True)
class Terms:
    """Terms [F] in the order of their letters: `words` in their order, and for each term the ranks of its words.

    A term of one word has the rank -1 in the place of the second.
    """

    words: Sequence[str]
    first: NDArray[np.int32]
    second: NDArray[np.int32]

    @property
    def size(self) -> int:
        """The bytes that they take."""
        return sum(map(sys.getsizeof, self.words)) + self.first.nbytes + self.second.nbytes

    def names(self, chosen: Ints) -> list[str]:
        """Return some terms as they are written."""
        words, pairs = self.words, zip(self.first[chosen].tolist(), self.second[chosen].tolist(), strict=True)
        return [words[a] if b < 0 else f"{words[a]} {words[b]}" for a, b in pairs]


def learned(texts: Iterable[str], words: Words) -> tuple[Terms, csr_matrix]:
    """Return all terms of texts, and how often each is in each text [N, F].

    Raises:
        ValueError: there is no term.

    """
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__  # words are numbered as they are met, and ranked at the end
    found = []
    for chunk in _chunks(texts):
        rows, keys, whole = _keys(chunk, words, lambda found: map(numbers.__getitem__, found))
        own, columns = np.unique(keys, return_inverse=True)
        found.append((own, _counted(rows, columns, len(whole), len(own))))
    every = np.unique(np.concatenate([own for own, _ in found])) if found else np.empty(0, np.int64)
    if not len(every):
        raise ValueError("empty vocabulary; perhaps the documents only contain stop words")
    known = sorted(numbers)
    rank = np.full(len(known) + 1, -1, np.int32)  # the last one is that of no word
    rank[[numbers[word] for word in known]] = np.arange(len(known), dtype=np.int32)
    first, second = rank[every >> _HALF], rank[(every & _LOWER) - 1]
    order = np.argsort(_key(first, second))
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    counts = []
    for own, part in found:
        columns = place[np.searchsorted(every, own)][part.indices]
        counts.append(csr_matrix((part.data, columns, part.indptr), shape=(part.shape[0], len(every))))
    whole = vstack(counts, format="csr")
    whole.sort_indices()
    return Terms(known, first[order], second[order]), whole


class _Ranks(dict[str, int]):
    """The ranks of words; that of an unknown word, and of none, is -1."""

    def __missing__(self, word: str) -> int:
        return -1


class Counter:
    """Counts the terms of a vocabulary, which are given as they are written, in the order of their letters."""

    def __init__(self, vocabulary: Sequence[str], words: Words) -> None:
        """Number the terms.

        Raises:
            ValueError: they are not in order, or something else than words and pairs of them is among them.

        """
        parts = [term.partition(" ") for term in vocabulary]
        known = sorted({word for first, _, second in parts for word in (first, second) if word})
        self._words = words
        self._rank = rank = _Ranks({word: number for number, word in enumerate(known)})
        first, second = (np.array([rank[part[side]] for part in parts], np.int32) for side in (0, 2))
        self._terms = _key(first, second)
        if not len(first) or not (np.diff(self._terms) > 0).all() or any(" " in part[2] for part in parts):
            raise ValueError("not words and pairs of words in order")

    def count(self, texts: Iterable[str]) -> tuple[csr_matrix, Ints]:
        """Return how often each term is in each text [N, F], as float64, and how many words each text has [N]."""
        counts, lengths = [csr_matrix((0, len(self._terms)))], [np.empty(0, np.int64)]
        for chunk in _chunks(texts):
            rows, keys, whole = _keys(chunk, self._words, self._numbers)
            columns = np.minimum(np.searchsorted(self._terms, keys), len(self._terms) - 1)
            known = self._terms[columns] == keys
            counts.append(_counted(rows[known], columns[known], len(whole), len(self._terms)))
            lengths.append(whole)
        return vstack(counts, format="csr", dtype=np.float64), np.concatenate(lengths)

    def _numbers(self, words: Sequence[str]) -> Iterable[int]:
        return map(self._rank.__getitem__, words)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    given = iter(texts)
    while chunk := list(islice(given, _TEXTS)):
        yield chunk


def _key(first: NDArray[np.int32], second: NDArray[np.int32]) -> Ints:
    """Return one number for each term, which rise as the terms do."""
    return (first.astype(np.int64) << _HALF) + second + 1


def _keys(
    texts: Sequence[str], words: Words, numbers: Callable[[Sequence[str]], Iterable[int]]
) -> tuple[Ints, Ints, Ints]:
    """Return the text and the key of each term as it occurs, and the number of words of each text.

    A word without a number of its own (-1) is in no term.
    """
    flat: list[int] = []
    lengths, whole = [], []
    for text in texts:
        counting, every = words.of(text)
        flat.extend(numbers(counting))
        lengths.append(len(counting))
        whole.append(every)
    ids = np.array(flat, np.int32)
    rows, known = np.repeat(np.arange(len(texts)), lengths), ids >= 0
    found_rows, found_keys = [], []
    if words.singles:
        found_rows.append(rows[known])
        found_keys.append(_key(ids[known], np.full(int(known.sum()), -1, np.int32)))
    if words.pairs:
        both = (rows[1:] == rows[:-1]) & known[1:] & known[:-1]
        found_rows.append(rows[1:][both])
        found_keys.append(_key(ids[:-1][both], ids[1:][both]))
    return np.concatenate(found_rows), np.concatenate(found_keys), np.array(whole, np.int64)


def _counted(rows: Ints, columns: Ints, height: int, width: int) -> csr_matrix:
    """Return how often each column was met in each row, in as few bytes as it takes, columns in order."""
    places, counts = np.unique(rows * np.int64(max(1, width)) + columns, return_counts=True)
    found_rows, found_columns = np.divmod(places, max(1, width))
    starts = np.concatenate([[0], np.cumsum(np.bincount(found_rows, minlength=height))]).astype(np.int32)
    data = counts.astype(np.min_scalar_type(counts.max(initial=0)))
    return csr_matrix((data, found_columns.astype(np.int32), starts), shape=(height, width))
