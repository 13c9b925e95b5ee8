"""Texts as token ids in flat arrays, tokenized once and kept in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw_torch.kept import kept, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clsfw import Reporter, TorchClassifier

CHUNK = 1000
CACHED_FROM = 1000
"""So many texts are worth a cache entry; fewer are tokenized again faster than they are found."""

_ARRAYS = {"ids": np.int32, "lengths": np.int32, "whole": np.int64, "truncated": np.bool_}


@dataclass(frozen=True)
class Tokens:
    """N tokenized texts: text i is `ids[starts[i] : starts[i + 1]]`; `whole` and `truncated` as in `Prediction`."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    whole: NDArray[np.int64]
    truncated: NDArray[np.bool_]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, special ones included, as the model sees them."""
        return np.diff(self.starts)

    def flat(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids of some texts one after another, and the length of each."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        spans = [self.ids[start:end] for start, end in zip(self.starts[rows], self.starts[rows + 1], strict=True)]
        return np.concatenate(spans).astype(np.int64), lengths

    def padded(self, rows: NDArray[np.int64], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and attention mask [B, L] of some texts, padded to the longest of them."""
        flat, lengths = self.flat(rows)
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, pad, dtype=np.int64)
        ids[mask] = flat
        return ids, mask.astype(np.int64)


def tokenize(model: TorchClassifier, texts: Sequence[str], reporter: Reporter, *, keep: bool = True) -> Tokens:
    """Tokenize texts, or find them in the cache, where they are kept unless told otherwise.

    Raises:
        HostError: the cache cannot be written.

    """
    if not keep or len(texts) < CACHED_FROM:
        return _in_memory(model, texts, reporter)
    arrays = kept("tokens", _key(model, texts), _ARRAYS, lambda: _tokenized(model, texts, reporter), reporter)
    return Tokens(arrays["ids"], _starts(arrays["lengths"]), arrays["whole"], arrays["truncated"])


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), CHUNK):
        yield texts[start : start + CHUNK]


def _key(model: TorchClassifier, texts: Sequence[str]) -> str:
    return key_of(model.tokenizer_key(), _chunks(texts))


def _in_memory(model: TorchClassifier, texts: Sequence[str], reporter: Reporter) -> Tokens:
    chunks = list(_tokenized(model, texts, reporter))
    ids, lengths, whole, truncated = (
        np.concatenate([np.empty(0, kind), *(chunk[name] for chunk in chunks)]) for name, kind in _ARRAYS.items()
    )
    return Tokens(ids, _starts(lengths), whole, truncated)


def _tokenized(model: TorchClassifier, texts: Sequence[str], reporter: Reporter) -> Iterator[dict[str, NDArray[Any]]]:
    """Return the arrays of an entry chunk by chunk."""
    done = 0
    for chunk in _chunks(texts):
        given = model.tokenize(list(chunk))
        # A text without any token has nothing that a model could look at; one padding token stands for it.
        rows = [row if len(row) else [model.pad_token_id] for row in given.ids]
        values: dict[str, Any] = {
            "ids": [i for row in rows for i in row],
            "lengths": [len(row) for row in rows],
            "whole": given.tokens,
            "truncated": given.truncated,
        }
        yield {name: np.asarray(values[name], dtype=kind) for name, kind in _ARRAYS.items()}
        done += len(chunk)
        reporter.progress("tokenizing", done, len(texts), "texts")


def _starts(lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts
