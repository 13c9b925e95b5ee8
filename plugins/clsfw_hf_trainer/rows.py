"""Tokenized texts in flat arrays, as the data set and the batches that `Trainer` takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clsfw import Reporter, TorchClassifier

_CHUNK = 1000

Text = str | tuple[str, str]
"""A text, or a pair of texts."""


@dataclass(frozen=True)
class Rows:
    """N tokenized texts: text i is `ids[starts[i] : starts[i + 1]]`.

    `truth`: class ids [N], or 0/1 [N, C] with several labels per text; None where only predictions are wanted.
    `tokens`, `truncated` and `lost` as in `Prediction`; `types` are the token types of pairs, as many as ids.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    tokens: NDArray[np.int64]
    truncated: NDArray[np.bool_]
    truth: NDArray[np.int64] | None = None
    types: NDArray[np.int8] | None = None
    lost: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Count the texts."""
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one text as `Trainer` wants it."""
        item: dict[str, Any] = {"input_ids": self.ids[self.starts[index] : self.starts[index + 1]]}
        if self.types is not None:
            item["token_type_ids"] = self.types[self.starts[index] : self.starts[index + 1]]
        if self.truth is not None:
            item["labels"] = self.truth[index]
        return item


def tokenize(
    model: TorchClassifier, texts: Sequence[Text], reporter: Reporter, truth: NDArray[np.int64] | None = None
) -> Rows:
    """Tokenize texts in chunks, so that Python's own lists never hold all of them."""
    parts: list[NDArray[np.int32]] = []
    types: list[NDArray[np.int8]] = []
    lost: list[NDArray[np.int64]] = []
    lengths: list[int] = []
    tokens, truncated = np.empty(len(texts), dtype=np.int64), np.empty(len(texts), dtype=np.bool_)
    for start in range(0, len(texts), _CHUNK):
        # A model that takes pairs takes them where it takes texts.
        given = model.tokenize(cast("Any", list(texts[start : start + _CHUNK])))
        if given.types is not None:
            types.append(np.fromiter((kind for row in given.types for kind in row), dtype=np.int8))
        if given.lost is not None:
            lost.append(np.asarray(given.lost))
        parts.append(np.fromiter((token for row in given.ids for token in row), dtype=np.int32))
        lengths.extend(len(row) for row in given.ids)
        end = start + len(given.ids)
        tokens[start:end], truncated[start:end] = given.tokens, given.truncated
        reporter.progress("tokenizing", end, len(texts), "texts")
    starts = np.concatenate([[0], np.cumsum(np.asarray(lengths, dtype=np.int64))]).astype(np.int64)
    ids = np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)
    return Rows(
        ids,
        starts,
        tokens,
        truncated,
        truth,
        np.concatenate(types) if types else None,
        np.concatenate(lost) if lost else None,
    )


def collate(items: Sequence[dict[str, Any]], pad: int) -> dict[str, torch.Tensor]:
    """Make a batch of texts padded to the longest of them."""
    lengths = np.array([len(item["input_ids"]) for item in items])
    mask = np.arange(lengths.max()) < lengths[:, None]  # [B, L]
    ids = np.full(mask.shape, pad, dtype=np.int64)
    ids[mask] = np.concatenate([item["input_ids"] for item in items])
    batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}
    if "token_type_ids" in items[0]:
        types = np.zeros(mask.shape, dtype=np.int64)
        types[mask] = np.concatenate([item["token_type_ids"] for item in items])
        batch["token_type_ids"] = torch.from_numpy(types)
    if "labels" in items[0]:
        batch["labels"] = torch.from_numpy(np.array([item["labels"] for item in items]))
    return batch
