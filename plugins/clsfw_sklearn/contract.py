"""What `sklearn-fit` needs of a classifier; another plugin's model fits by having the same shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from clsfw import Labels


@runtime_checkable
class LinearClassifier(Protocol):
    """A linear scikit-learn model: features of texts, and a weight for each class and feature.

    `weights`: float64 [C, F] and `bias`: float64 [C], which the trainer replaces. Scores are
    `features @ weights.T + bias`; their softmax gives the probabilities, or with several labels per text the sigmoid
    of each.
    """

    labels: Labels
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def features(self, texts: Sequence[str]) -> csr_matrix:
        """Return the features [N, F]; each row depends on its own text alone."""

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of words, or characters, of each text [N]."""

    def save(self, directory: Path) -> None:
        """As in `Classifier`."""

    def parameters(self) -> tuple[int, int]:
        """As in `Classifier`."""
