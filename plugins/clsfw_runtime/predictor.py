"""Predicts with a function from token ids to logits, and with the files beside it in an artifact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from clsfw import ModelError, Prediction
from clsfw_runtime.parts import parts
from clsfw_runtime.tokenization import Tokenization

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clsfw import Labels, Reporter

    Ints = NDArray[np.int64]
    Logits = Callable[[Ints, Ints], NDArray[np.float32]]

TOKENIZER, INPUT = "tokenizer.json", "input.json"
"""The tokenizer, and what else decides the ids: `max_length`, `side` (where a long text is cut) and `pad`."""


class TokenPredictor:
    """Satisfies `Predictor`; `logits` takes token ids and attention mask, [B, L] each, and gives [B, C]."""

    def __init__(self, directory: Path, labels: Labels, logits: Logits) -> None:
        self.labels = labels
        self._logits = logits
        self._tokenization, self._pad = read_tokenization(directory)

    def predict(self, texts: Sequence[str], reporter: Reporter) -> Prediction:
        """Predict in the order given."""
        tokenized = self._tokenization.tokenize(texts)
        result = np.empty((len(texts), len(self.labels.names)), np.float32)
        done = 0
        for rows, ids, mask in parts(tokenized.ids, self._pad):
            result[rows] = _probabilities(self._logits(ids, mask), multi_label=self.labels.multi_label)
            done += len(rows)
            reporter.progress("predicting", done, len(texts), "texts")
        return Prediction(result, tokenized.tokens, tokenized.truncated)


def read_tokenization(directory: Path) -> tuple[Tokenization, int]:
    """Read the tokenization of an artifact, and the id that pads.

    Raises:
        ModelError: a file is missing, damaged, or not what an exporter writes.

    """
    try:
        about: dict[str, Any] = json.loads((directory / INPUT).read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_file(str(directory / TOKENIZER))
        return Tokenization(tokenizer, int(about["max_length"]), str(about["side"])), int(about["pad"])
    except Exception as exc:  # the library raises bare exceptions
        said = " ".join(str(exc).split())[:300] or type(exc).__name__
        raise ModelError(f"{directory}: {TOKENIZER} and {INPUT} cannot be read: {said}") from exc


def _probabilities(logits: NDArray[np.float32], *, multi_label: bool) -> NDArray[np.float32]:
    """Return softmax, or with several labels per text sigmoid, of logits [B, C]."""
    given = logits.astype(np.float32)
    with np.errstate(over="ignore"):  # a sigmoid of very little is 0
        if multi_label:
            return (1 / (1 + np.exp(-given))).astype(np.float32)
    powers = np.exp(given - given.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return result
