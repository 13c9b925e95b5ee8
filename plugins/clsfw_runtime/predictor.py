"""Predicts with a function from token ids to logits, and with the files beside it in an artifact."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from clsfw import ModelError, Prediction
from clsfw_runtime.parts import parts
from clsfw_runtime.tokenization import UNCUT, Tokenization
from clsfw_runtime.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clsfw import Labels, Reporter

    Ints = NDArray[np.int64]
    Logits = Callable[[Ints, Ints], NDArray[np.float32]]

TOKENIZER, INPUT = "tokenizer.json", "input.json"
"""The tokenizer, and what else decides the ids: `max_length`, `side` (where a text is cut), `pad` and `windows`."""


@dataclass(frozen=True)
class Input:
    """What makes the model's input out of texts; with `windows` long texts are read in several pieces."""

    tokenization: Tokenization
    pad: int
    windows: Windows | None

    def pieces(self, ids: Sequence[Sequence[int]]) -> tuple[Sequence[Sequence[int]], Ints | None]:
        """Return what the model reads of texts, and how many pieces each has if any has several."""
        if self.windows is None:
            return ids, None
        split, counts = self.windows.split(ids)
        return split, counts if len(split) > len(counts) else None


class TokenPredictor:
    """Satisfies `Predictor`; `logits` takes token ids and attention mask, [B, L] each, and gives [B, C]."""

    def __init__(self, directory: Path, labels: Labels, logits: Logits) -> None:
        self.labels = labels
        self._logits = logits
        self._input = read_input(directory)

    def predict(self, texts: Sequence[str], reporter: Reporter) -> Prediction:
        """Predict in the order given."""
        tokenized = self._input.tokenization.tokenize(texts)
        pieces, counts = self._input.pieces(tokenized.ids)
        logits = np.empty((len(pieces), len(self.labels.names)), np.float32)
        done = 0
        for rows, ids, mask in parts(pieces, self._input.pad):
            logits[rows] = self._logits(ids, mask)
            done += len(rows)
            reporter.progress("predicting", done * len(texts) // len(pieces), len(texts), "texts")
        if self._input.windows is not None and counts is not None:
            logits = _pooled(logits, counts, self._input.windows.pool)
        chances = _probabilities(logits, multi_label=self.labels.multi_label)
        return Prediction(chances, tokenized.tokens, tokenized.truncated)


def read_input(directory: Path) -> Input:
    """Read what makes the input of an artifact's model.

    Raises:
        ModelError: a file is missing, damaged, or not what an exporter writes.

    """
    try:
        about: dict[str, Any] = json.loads((directory / INPUT).read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_file(str(directory / TOKENIZER))
        length, given = int(about["max_length"]), about.get("windows")
        windows = None if given is None else Windows(length, given["stride"], given["pool"], tuple(given["special"]))
        tokenization = Tokenization(tokenizer, length if windows is None else UNCUT, str(about["side"]))
        return Input(tokenization, int(about["pad"]), windows)
    except Exception as exc:  # the library raises bare exceptions
        said = " ".join(str(exc).split())[:300] or type(exc).__name__
        raise ModelError(f"{directory}: {TOKENIZER} and {INPUT} cannot be read: {said}") from exc


def _pooled(logits: NDArray[np.float32], counts: Ints, pool: str) -> NDArray[np.float32]:
    """Make logits [B, C] of texts out of those of their pieces, of which text i has `counts[i]`."""
    starts = np.cumsum(counts) - counts
    if pool == "max":
        return np.maximum.reduceat(logits, starts)
    return (np.add.reduceat(logits, starts) / counts[:, None]).astype(np.float32)


def _probabilities(logits: NDArray[np.float32], *, multi_label: bool) -> NDArray[np.float32]:
    """Return softmax, or with several labels per text sigmoid, of logits [B, C]."""
    given = logits.astype(np.float32)
    with np.errstate(over="ignore"):  # a sigmoid of very little is 0
        if multi_label:
            return (1 / (1 + np.exp(-given))).astype(np.float32)
    powers = np.exp(given - given.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return result
