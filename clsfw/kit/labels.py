"""Labels of texts as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels


def references(data: Dataset, labels: Labels) -> NDArray[np.int64]:
    """Return the true labels: class ids [N], or 0/1 [N, C] with several labels per text."""
    column = data["label"]
    if not labels.multi_label:
        return np.asarray(column, dtype=np.int64)
    matrix = np.zeros((len(column), len(labels.names)), dtype=np.int64)
    for row, ids in enumerate(column):
        matrix[row, ids] = 1
    return matrix
