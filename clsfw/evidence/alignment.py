"""Puts the predictions of two runs side by side, row by row and class by class, or says why that cannot be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clsfw.errors import UsageError
from clsfw.evidence.predictions import PredictionTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def refuse_other_rows(path_a: Path, a: PredictionTable, path_b: Path, b: PredictionTable) -> None:
    """See that two runs were tested on the same rows, with the same gold labels.

    Raises:
        UsageError: they were not.

    """
    where = f"{path_a} and {path_b} cannot be compared"
    if not len(a):
        raise UsageError(f"{where}: the first has no test rows")
    if sorted(a.labels) != sorted(b.labels):
        raise UsageError(f"{where}: their labels are {_few(a.labels)} and {_few(b.labels)}")
    if len(a) != len(b) or not np.array_equal(np.sort(a.rows), np.sort(b.rows)):
        shared = len(np.intersect1d(a.rows, b.rows))
        raise UsageError(
            f"{where}: they were tested on different rows ({len(a):,} and {len(b):,}, {shared:,} of them the same); "
            "run both on the same data and split"
        )
    if not np.array_equal(matrix(a.references, len(a.labels)), matrix(aligned(a, b).references, len(a.labels))):
        raise UsageError(f"{where}: the same row numbers carry different gold labels, so their data differs")


def aligned(a: PredictionTable, b: PredictionTable) -> PredictionTable:
    """Return b with its rows and classes in the order of a's."""
    if a.labels == b.labels and np.array_equal(a.rows, b.rows):
        return b
    place = np.empty(len(b), np.int64)
    place[np.argsort(a.rows, kind="stable")] = np.argsort(b.rows, kind="stable")
    classes = [b.labels.index(label) for label in a.labels]
    return PredictionTable(
        labels=a.labels,
        rows=b.rows[place],
        references=matrix(b.references, len(classes))[place][:, classes],
        predictions=matrix(b.predictions, len(classes))[place][:, classes],
        probabilities=b.probabilities[place][:, classes],
        tokens=b.tokens[place],
        truncated=b.truncated[place],
    )


def matrix(ids: Ints, classes: int) -> Ints:
    """Return labels as 0/1 [N, C], in which one label per text and several look alike."""
    if ids.ndim > 1:
        return ids
    rows = np.zeros((len(ids), classes), np.int64)
    rows[np.arange(len(ids)), ids] = 1
    return rows


def _few(labels: Sequence[str], most: int = 5) -> str:
    return ", ".join(map(repr, labels[:most])) + (" and others" if len(labels) > most else "")
