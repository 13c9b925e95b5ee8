"""Texts as token ids in flat arrays, tokenized once and kept in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clsfw_torch.kept import kept, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clsfw import Reporter, TorchClassifier

CHUNK = 1000
CACHED_FROM = 1000
"""So many texts are worth a cache entry; fewer are tokenized again faster than they are found."""

_ARRAYS: dict[str, Any] = {"ids": np.int32, "lengths": np.int32, "whole": np.int64, "truncated": np.bool_}
_PAIR_ARRAYS = {**_ARRAYS, "types": np.int8, "lost": np.int64}

Text = str | tuple[str, str]
"""A text, or a pair of texts."""


@dataclass(frozen=True)
class Tokens:
    """N tokenized texts: text i is `ids[starts[i] : starts[i + 1]]`; `whole`, `truncated`, `lost` as in `Prediction`.

    `types`, as many as ids, are those of pairs for a model that has token types.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    whole: NDArray[np.int64]
    truncated: NDArray[np.bool_]
    types: NDArray[np.int8] | None = None
    lost: NDArray[np.int64] | None = None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, special ones included, as the model sees them."""
        return np.diff(self.starts)

    def flat(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids of some texts one after another, and the length of each."""
        return self._flat(self.ids, rows), self.starts[rows + 1] - self.starts[rows]

    def flat_types(self, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Return the token types of some texts one after another, as `flat` gives the ids."""
        return None if self.types is None else self._flat(self.types, rows)

    def _flat(self, values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        spans = [values[start:end] for start, end in zip(self.starts[rows], self.starts[rows + 1], strict=True)]
        return np.concatenate(spans).astype(np.int64)

    def padded(self, rows: NDArray[np.int64], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and attention mask [B, L] of some texts, padded to the longest of them."""
        flat, lengths = self.flat(rows)
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, pad, dtype=np.int64)
        ids[mask] = flat
        return ids, mask.astype(np.int64)


def tokenize(model: TorchClassifier, texts: Sequence[Text], reporter: Reporter, *, keep: bool = True) -> Tokens:
    """Tokenize texts, or find them in the cache, where they are kept unless the settings say otherwise.

    Raises:
        HostError: the cache cannot be written.

    """
    if not keep or len(texts) < CACHED_FROM:
        return _in_memory(model, texts, reporter)
    arrays = kept("tokens", _key(model, texts), _arrays_of(texts), lambda: _tokenized(model, texts, reporter), reporter)
    return _tokens(arrays)


def _chunks(texts: Sequence[Text]) -> Iterator[Sequence[Text]]:
    for start in range(0, len(texts), CHUNK):
        yield texts[start : start + CHUNK]


def _key(model: TorchClassifier, texts: Sequence[Text]) -> str:
    if _arrays_of(texts) is _ARRAYS:
        return key_of(model.tokenizer_key(), cast("Iterator[Sequence[str]]", _chunks(texts)))
    sides = ([side for pair in chunk for side in pair] for chunk in _chunks(texts))
    return key_of(f"pairs {model.tokenizer_key()}", sides)


def _arrays_of(texts: Sequence[Text]) -> dict[str, Any]:
    """Return the names and types of the arrays that hold texts, or pairs of texts."""
    return _PAIR_ARRAYS if len(texts) and isinstance(texts[0], tuple) else _ARRAYS


def _in_memory(model: TorchClassifier, texts: Sequence[Text], reporter: Reporter) -> Tokens:
    chunks = list(_tokenized(model, texts, reporter))
    return _tokens(
        {
            name: np.concatenate([np.empty(0, kind), *(chunk[name] for chunk in chunks)])
            for name, kind in _arrays_of(texts).items()
        }
    )


def _tokens(arrays: dict[str, NDArray[Any]]) -> Tokens:
    types, lost = arrays.get("types"), arrays.get("lost")
    return Tokens(
        arrays["ids"],
        _starts(arrays["lengths"]),
        arrays["whole"],
        arrays["truncated"],
        types if types is not None and len(types) else None,  # a model may have none
        lost.reshape(-1, 2) if lost is not None and len(lost) else None,
    )


def _tokenized(model: TorchClassifier, texts: Sequence[Text], reporter: Reporter) -> Iterator[dict[str, NDArray[Any]]]:
    """Return the arrays of an entry chunk by chunk."""
    done = 0
    for chunk in _chunks(texts):
        given = model.tokenize(cast("Any", list(chunk)))  # a model that takes pairs takes them where it takes texts
        # A text without any token has nothing that a model could look at; one padding token stands for it.
        rows = [row if len(row) else [model.pad_token_id] for row in given.ids]
        values: dict[str, Any] = {
            "ids": [i for row in rows for i in row],
            "lengths": [len(row) for row in rows],
            "whole": given.tokens,
            "truncated": given.truncated,
            "types": [kind for row in given.types or () for kind in row],
            "lost": np.ravel(given.lost) if given.lost is not None else [],
        }
        yield {name: np.asarray(values[name], dtype=kind) for name, kind in _arrays_of(texts).items()}
        done += len(chunk)
        reporter.progress("tokenizing", done, len(texts), "texts")


def _starts(lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts
