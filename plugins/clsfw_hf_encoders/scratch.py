"""A model from scratch as far as it is known without its weights.

The vocabulary, the lengths of the texts and the number of parameters follow from the settings and the texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw_hf_encoders.late import CLASSES, LateClassifier, parameters
from clsfw_hf_encoders.vocabulary import PADDING, SEPARATOR, backend, learn_vocabulary
from clsfw_runtime.tokenization import Tokenization
from clsfw_torch.length import require_torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw import Labels, Reporter
    from clsfw_hf_encoders import EncoderSettings
    from clsfw_hf_encoders.classifier import HfClassifier

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

    def create(self, labels: Labels, texts: Sequence[str], seed: int, _: Reporter) -> LateClassifier:
        """Start a classifier; its weights are drawn by `seed` alone, when they are first used."""
        sizes = self._settings.sizes or {}
        vocabulary = learn_vocabulary(texts, sizes["vocab_size"])
        self._facts = {"checkpoint": "none; started from scratch", "architecture": CLASSES[self._kind]}

        def draw() -> HfClassifier:
            from clsfw_hf_encoders.model import HfModel

            return HfModel(self._settings).draw(labels, vocabulary, seed)

        count = self._parameters(len(vocabulary), len(labels.names))
        tokenization = Tokenization(backend(vocabulary), self._settings.max_length, types=True)
        return LateClassifier(labels, tokenization, vocabulary[PADDING], count, draw)

    def load(self, directory: Path) -> HfClassifier:
        """Get back what `LateClassifier.save` wrote."""
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
        sizes = self._settings.sizes or {}
        if self._kind == "distilbert":
            return parameters(
                tokens, self._settings.max_length, sizes["dim"], sizes["hidden_dim"], sizes["n_layers"], classes
            )
        return parameters(
            tokens,
            self._settings.max_length,
            sizes["hidden_size"],
            sizes["intermediate_size"],
            sizes["num_hidden_layers"],
            classes,
            types=2,
        )
