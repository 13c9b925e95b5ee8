"""Counts the terms of training texts once for all fits on them: most options of `tfidf` only choose among the terms."""

from __future__ import annotations

import sys
from collections import OrderedDict
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from clsfw_sklearn.counting import Terms, learned
from clsfw_sklearn.words import Words, is_counted_here

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

SHAPING = ("analyzer", "lowercase", "ngram_range", "stop_words", "strip_accents")
"""The options that say what a term is."""

CHOOSING = ("min_df", "max_df", "max_features", "binary")
"""The options that leave out terms and counts; the others weigh what is left."""

KEPT_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Spelled:
    """Terms [F] in the order of their letters, as one text and where in it each ends."""

    joined: str
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, terms: Sequence[str]) -> Spelled:
        """Join terms."""
        return cls("".join(terms), np.fromiter(map(len, terms), dtype=np.int64, count=len(terms)).cumsum())

    @property
    def size(self) -> int:
        """The bytes that they take."""
        return sys.getsizeof(self.joined) + self.ends.nbytes

    def names(self, chosen: NDArray[np.int64]) -> list[str]:
        """Return some terms as they are written."""
        starts = self.ends[chosen - 1] * (chosen > 0)
        return [self.joined[a:b] for a, b in zip(starts.tolist(), self.ends[chosen].tolist(), strict=True)]


@dataclass(frozen=True)
class Counted:
    """How often each of all terms [F], in order, is in each text [N], in as few bytes as it takes."""

    terms: Terms | Spelled
    counts: csr_matrix

    @classmethod
    def of(cls, texts: Iterable[str], shaping: Mapping[str, Any]) -> Counted:
        """Count.

        Raises:
            ValueError: the texts hold no term.

        """
        if is_counted_here(shaping):
            return cls(*learned(texts, Words(shaping)))
        vectorizer = CountVectorizer(**shaping)
        counts = vectorizer.fit_transform(texts)
        counts.sort_indices()  # as `transform` leaves them, so that sums round alike
        terms = Spelled.of(vectorizer.get_feature_names_out())
        return cls(terms, counts.astype(np.min_scalar_type(counts.data.max())))

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        arrays = (self.counts.data, self.counts.indices, self.counts.indptr)
        return self.terms.size + sum(int(array.nbytes) for array in arrays)

    def chosen(
        self, *, min_df: float, max_df: float, max_features: int | None, binary: bool
    ) -> tuple[list[str], csr_matrix]:
        """Return the terms that the options leave, and their counts, as `CountVectorizer` does.

        Raises:
            ValueError: they leave none.

        """
        counts = self.counts.astype(np.float64)
        if binary:
            counts.data.fill(1)
        rows, count = counts.shape
        least, most = (df if isinstance(df, Integral) else df * rows for df in (min_df, max_df))
        if most < least:
            raise ValueError("max_df corresponds to < documents than min_df")
        texts_with = np.bincount(counts.indices, minlength=count)
        kept = np.flatnonzero((texts_with >= least) & (texts_with <= most))
        if max_features is not None and len(kept) > max_features:
            frequencies = np.asarray(counts.sum(axis=0)).ravel()[kept]
            # The library's own order, so that of equally frequent terms the same ones stay.
            kept = np.sort(kept[(-frequencies).argsort()[:max_features]])
        if not len(kept):
            raise ValueError("no terms remain; try a lower min_df or a higher max_df")
        return self.terms.names(kept), counts if len(kept) == count else counts[:, kept]


class Memory:
    """Keeps the counts that were asked for last, `limit` bytes of them at most."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, Counted] = OrderedDict()

    def counted(self, texts: Iterable[str], fingerprint: bytes, shaping: Mapping[str, Any]) -> Counted:
        """Count the terms of texts, or return what an earlier call counted of the same ones.

        Raises:
            ValueError: the texts hold no term.

        """
        key = (fingerprint, *(shaping[name] for name in SHAPING))
        found = self._kept.pop(key, None) or Counted.of(texts, shaping)
        if found.size <= self._limit:
            self._kept[key] = found
        while sum(each.size for each in self._kept.values()) > self._limit:
            self._kept.popitem(last=False)
        return found
