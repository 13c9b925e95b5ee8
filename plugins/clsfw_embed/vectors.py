"""Embeddings of texts, worked out once and kept in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clsfw_torch.kept import kept, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clsfw import Reporter
    from clsfw_embed.folder import Embedding
    from clsfw_torch.kept import Arrays

CHUNK = 1000
CACHED_FROM = 100
"""So many texts are worth a cache entry."""
_KINDS = {"vectors": np.float32, "tokens": np.int64, "truncated": np.bool_}


@dataclass(frozen=True)
class Vectors:
    """`vectors` float32 [N, F] of N texts; `tokens` int64 [N] and `truncated` bool [N] as in `Prediction`."""

    vectors: NDArray[np.float32]
    tokens: NDArray[np.int64]
    truncated: NDArray[np.bool_]


class Encoder(Protocol):
    """Turns texts into vectors of `width` numbers."""

    width: int
    parameters: int
    folder: Path
    weights_sha256: str
    embedding: Embedding

    def read(self) -> None:
        """Read the weights now, where they would be read when the first text is computed."""

    def key(self) -> str:
        """Name the exact way from texts to vectors by a hash."""

    def encode(self, texts: Sequence[str], reporter: Reporter) -> Vectors:
        """Return the vectors of a chunk of texts; the reporter gets how many of them there are so far."""


class _Within:
    """What a chunk's progress is for the whole: `done` texts are there, and each chunk counts from 0."""

    def __init__(self, reporter: Reporter, total: int) -> None:
        self.note, self.warn = reporter.note, reporter.warn
        self.done = 0
        self._reporter, self._total = reporter, total

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Pass on that texts are embedded; that a chunk is tokenized is left out."""
        if what == "embedding":
            self._reporter.progress(what, self.done + done, self._total, unit)


def key(encoder: Encoder, texts: Sequence[str]) -> str:
    """Name texts and the way to their vectors by a hash."""
    return key_of(encoder.key(), _chunks(texts))


def vectors(encoder: Encoder, texts: Sequence[str], name: str, reporter: Reporter) -> Vectors:
    """Return the vectors of texts, from the cache where they are there; `name` is what `key` gave.

    Raises:
        HostError: the cache cannot be written.

    """

    def make() -> Iterator[Arrays]:
        within = _Within(reporter, len(texts))
        for chunk in _chunks(texts):
            yield vars(encoder.encode(chunk, within))
            within.done += len(chunk)
            within.progress("embedding", 0, None, "texts")

    if len(texts) >= CACHED_FROM:
        arrays = kept("features", name, _KINDS, make, reporter)
    else:
        parts = list(make())
        arrays = {
            kind: np.concatenate([np.empty(0, _KINDS[kind]), *(part[kind].reshape(-1) for part in parts)])
            for kind in _KINDS
        }
    return Vectors(arrays["vectors"].reshape(-1, encoder.width), arrays["tokens"], arrays["truncated"])


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), CHUNK):
        yield list(texts[start : start + CHUNK])
