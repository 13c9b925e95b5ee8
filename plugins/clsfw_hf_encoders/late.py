"""A classifier as far as it is known without its weights: nothing here needs torch or transformers.

Both take seconds to import, and a check needs neither: what texts become and how many parameters there are is known
before.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from clsfw import Labels, TokenizedTexts
    from clsfw_hf_encoders.classifier import HfClassifier
    from clsfw_runtime.tokenization import Tokenization

CLASSES = {"distilbert": "DistilBertForSequenceClassification", "bert": "BertForSequenceClassification"}
"""The classes of transformers that are counted here, by the `model_type` of their configuration."""


def parameters(  # noqa: PLR0917  # all sizes of a model
    tokens: int, positions: int, wide: int, inner: int, layers: int, classes: int, *, types: int = 0
) -> int:
    """Count the parameters of DistilBERT with its head, or with a table of token types of BERT."""
    embeddings = (tokens + positions + types + 2) * wide  # tables, and two numbers for each place of a norm
    attention = 4 * (wide + 1) * wide + 2 * wide
    feed_forward = (wide + 1) * inner + (inner + 1) * wide + 2 * wide
    head = (wide + 1) * wide + (wide + 1) * classes  # a layer of the model's width before the classes
    return embeddings + layers * (attention + feed_forward) + head


class LateClassifier:
    """A classifier whose module is made when it is first used; satisfies `TorchClassifier` and `TakesPairs`."""

    takes_pairs = True

    def __init__(
        self,
        labels: Labels,
        tokenization: Tokenization,
        pad_token_id: int,
        count: int,
        make: Callable[[], HfClassifier],
    ) -> None:
        self.labels = labels
        self.max_length = tokenization.max_length
        self.pad_token_id = pad_token_id
        self._tokenization = tokenization
        self._count = count
        self._make = make

    @cached_property
    def _made(self) -> HfClassifier:
        return self._make()

    @property
    def module(self) -> Any:
        """The torch module."""
        return self._made.module

    def tokenize(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> TokenizedTexts:
        """Turn texts, or pairs of texts, into ids, each cut at `max_length`, not padded."""
        if "_made" in vars(self):
            return self._made.tokenize(texts)
        if texts and isinstance(texts[0], tuple):
            return self._tokenization.tokenize_pairs(cast("Sequence[tuple[str, str]]", texts))
        return self._tokenization.tokenize(cast("Sequence[str]", texts))

    def tokenizer_key(self) -> str:
        """Name the exact tokenization by a hash."""
        return self._made.tokenizer_key() if "_made" in vars(self) else self._tokenization.key()

    def save(self, directory: Path) -> None:
        """Write weights, configuration and tokenizer, as `HfClassifier.save`."""
        self._made.save(directory)

    def parameters(self) -> tuple[int, int]:
        """Count all parameters and the trainable ones, which a trainer may have changed once the module was used."""
        return self._made.parameters() if "_made" in vars(self) else (self._count, self._count)
