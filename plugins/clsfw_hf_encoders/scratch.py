"""A model from scratch as far as it is known without its weights: nothing here needs torch or transformers.

Both take seconds to import, and a check needs neither: the vocabulary, the lengths of the texts and the number of
parameters follow from the settings and the texts.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from clsfw_hf_encoders.vocabulary import PADDING, SEPARATOR, backend, learn_vocabulary
from clsfw_runtime.tokenization import Tokenization
from clsfw_torch.length import require_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from clsfw import Labels, Reporter, TokenizedTexts
    from clsfw_hf_encoders import EncoderSettings
    from clsfw_hf_encoders.classifier import HfClassifier

_CLASSES = {"distilbert": "DistilBertForSequenceClassification", "bert": "BertForSequenceClassification"}
_UNKNOWN_LABELS = 2
"""How many labels transformers assumes where nothing says it."""


class ScratchModel:
    """Starts classifiers from scratch whose weights are all trained; satisfies what `HfModel` does."""

    takes_pairs = True

    def __init__(self, settings: EncoderSettings) -> None:
        require_torch("transformers")
        self._settings = settings
        self._kind = settings.family or "bert"
        self._facts: dict[str, str] = {}

    def create(self, labels: Labels, texts: Sequence[str], seed: int, _: Reporter) -> ScratchClassifier:
        """Start a classifier; its weights are drawn by `seed` alone, when they are first used."""
        sizes = self._settings.sizes or {}
        vocabulary = learn_vocabulary(texts, sizes["vocab_size"])
        self._facts = {"checkpoint": "none; started from scratch", "architecture": _CLASSES[self._kind]}

        def draw() -> HfClassifier:
            from clsfw_hf_encoders.model import HfModel

            return HfModel(self._settings).draw(labels, vocabulary, seed)

        count = self._parameters(len(vocabulary), len(labels.names))
        return ScratchClassifier(labels, self._settings.max_length, vocabulary, count, draw)

    def load(self, directory: Path) -> HfClassifier:
        """Get back what `ScratchClassifier.save` wrote."""
        from clsfw_hf_encoders.model import HfModel

        return HfModel(self._settings).load(directory)

    def check(self) -> Mapping[str, str]:
        """Say what is known before the texts are; see `ChecksModel`."""
        most = self._parameters((self._settings.sizes or {})["vocab_size"], _UNKNOWN_LABELS)
        return {"start": "from scratch", "architecture": self._kind, "parameters": f"{most:,} at most"}

    def separator(self) -> str:
        """Return the tokenizer's separator; see `HasSeparator`."""
        return SEPARATOR

    def provenance(self) -> Mapping[str, str]:
        """Say that there was no checkpoint; empty before `create`."""
        return dict(self._facts)

    def _parameters(self, tokens: int, classes: int) -> int:
        """Count the parameters of tables, of matrices with their biases, and of norms."""
        sizes = self._settings.sizes or {}
        if self._kind == "distilbert":
            wide, inner, layers = sizes["dim"], sizes["hidden_dim"], sizes["n_layers"]
        else:
            wide, inner, layers = (sizes[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers"))
        types = 0 if self._kind == "distilbert" else 2  # BERT has a table of token types too
        embeddings = (tokens + self._settings.max_length + types + 2) * wide
        attention = 4 * (wide + 1) * wide + 2 * wide
        feed_forward = (wide + 1) * inner + (inner + 1) * wide + 2 * wide
        head = (wide + 1) * wide + (wide + 1) * classes  # a layer of the model's width before the classes
        return embeddings + layers * (attention + feed_forward) + head


class ScratchClassifier:
    """A classifier whose weights are drawn when they are first used; satisfies `TorchClassifier` and `TakesPairs`."""

    takes_pairs = True

    def __init__(
        self,
        labels: Labels,
        max_length: int,
        vocabulary: Mapping[str, int],
        count: int,
        draw: Callable[[], HfClassifier],
    ) -> None:
        self.labels = labels
        self.max_length = max_length
        self.pad_token_id = vocabulary[PADDING]
        self._tokenization = Tokenization(backend(vocabulary), max_length, types=True)
        self._count = count
        self._draw = draw

    @cached_property
    def _drawn(self) -> HfClassifier:
        return self._draw()

    @property
    def module(self) -> Any:
        """The torch module."""
        return self._drawn.module

    def tokenize(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> TokenizedTexts:
        """Turn texts, or pairs of texts, into ids, each cut at `max_length`, not padded."""
        if texts and isinstance(texts[0], tuple):
            return self._tokenization.tokenize_pairs(cast("Sequence[tuple[str, str]]", texts))
        return self._tokenization.tokenize(cast("Sequence[str]", texts))

    def tokenizer_key(self) -> str:
        """Name the exact tokenization by a hash."""
        return self._tokenization.key()

    def save(self, directory: Path) -> None:
        """Write weights, configuration and tokenizer, as `HfClassifier.save`."""
        self._drawn.save(directory)

    def parameters(self) -> tuple[int, int]:
        """Count all parameters and the trainable ones, which a trainer may have changed once the module was used."""
        return self._drawn.parameters() if "_drawn" in vars(self) else (self._count, self._count)
