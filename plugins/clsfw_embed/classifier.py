"""Embeddings with linear weights, in memory."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save

from clsfw import Labels, ModelError, Settings
from clsfw_embed.folder import Embedding  # noqa: TC001  # pydantic reads the annotation
from clsfw_embed.vectors import Vectors, key, vectors
from clsfw_hf_encoders.folder import CONFIG, TOKENIZER_FILES
from clsfw_hf_encoders.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clsfw import Reporter
    from clsfw_embed.vectors import Encoder

HEAD, ABOUT = "head.safetensors", "embed.json"


class Saved(Settings):
    """The content of `embed.json`."""

    labels: tuple[str, ...]
    multi_label: bool
    embedding: Embedding


class EmbedClassifier:
    """Satisfies `LinearClassifier`; `reporter` gets how many embeddings there are, and may end that by an error."""

    def __init__(
        self,
        labels: Labels,
        encoder: Encoder,
        weights: NDArray[np.float64],
        bias: NDArray[np.float64],
        reporter: Reporter,
    ) -> None:
        self.labels = labels
        self.weights = weights
        self.bias = bias
        self.reporter = reporter
        self._encoder = encoder
        self._last: tuple[str, Vectors] | None = None

    def features(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the embeddings [N, F]."""
        return self._of(texts).vectors.astype(np.float64)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Count the tokens of each whole text, the prompt and special ones included."""
        return self._of(texts).tokens

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts the encoder sees a part of."""
        return self._of(texts).truncated

    def save(self, directory: Path) -> None:
        """Write the encoder's own files as they are, and the head; equal classifiers give equal bytes.

        Raises:
            ModelError: the encoder's files are not those that the embeddings come from.

        """
        folder = self._encoder.folder
        try:
            for file in Weights(folder, str(folder)).copied:
                shutil.copyfile(file, directory / file.name)
            for name in (CONFIG, *TOKENIZER_FILES):
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, directory / name)
        except FileNotFoundError as exc:
            raise ModelError(f"{folder}: the checkpoint was removed while the run went on") from exc
        if Weights(directory, str(folder)).sha256() != self._encoder.weights_sha256:
            raise ModelError(f"{folder}: the weights were changed while the run went on; run again")
        (directory / HEAD).write_bytes(save({"weights": self.weights, "bias": self.bias}))
        saved = Saved(labels=self.labels.names, multi_label=self.labels.multi_label, embedding=self._encoder.embedding)
        (directory / ABOUT).write_text(saved.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def parameters(self) -> tuple[int, int]:
        """Count those of the encoder and of the head; the head's are trained."""
        head = self.weights.size + self.bias.size
        return self._encoder.parameters + head, head

    def _of(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of these texts; a trainer asks for one thing after another about the same ones."""
        name = key(self._encoder, texts)
        if self._last is None or self._last[0] != name:
            self._last = name, vectors(self._encoder, texts, name, self.reporter)
        return self._last[1]
