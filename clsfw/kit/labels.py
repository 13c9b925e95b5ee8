"""Labels of texts as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels

_CHUNK = 10_000


def references(data: Dataset, labels: Labels) -> NDArray[np.int64]:
    """Return the true labels: class ids [N], or 0/1 [N, C] with several labels per text."""
    if not labels.multi_label:
        return numbers(data, "label")
    matrix = np.zeros((len(data), len(labels.names)), dtype=np.int64)
    for row, ids in enumerate(data["label"][:]):
        matrix[row, ids] = 1
    return matrix


def numbers(data: Dataset, column: str) -> NDArray[np.int64]:
    """Return a column of whole numbers [N]: read in chunks, since one row at a time takes 25 microseconds a row."""
    values = data[column]
    found = np.empty(len(values), dtype=np.int64)
    for start in range(0, len(values), _CHUNK):
        found[start : start + _CHUNK] = values[start : start + _CHUNK]
    return found
