"""Puts the predictions of two runs side by side, row by row and class by class, or says why that cannot be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import UsageError
from clsfw.evidence.predictions import PredictionTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def refuse_other_rows(path_a: Path, a: PredictionTable, path_b: Path, b: PredictionTable) -> None:
    """See that two runs were tested on the same texts, with the same gold labels.

    Raises:
        UsageError: they were not.

    """
    where = f"{path_a} and {path_b} cannot be compared"
    if not len(a):
        raise UsageError(f"{where}: the first has no test rows")
    if sorted(a.labels) != sorted(b.labels):
        raise UsageError(f"{where}: their labels are {_few(a.labels)} and {_few(b.labels)}")
    keys_a, keys_b = _keys(a, b)
    shared, texts = _shared(keys_a, keys_b), _shared(a.text_hashes, b.text_hashes)
    if shared == len(a) == len(b):
        return
    if texts == len(a) == len(b):
        raise UsageError(
            f"{where}: {len(a) - shared:,} of their {len(a):,} test texts carry another gold label in the second, "
            "so their data differs"
        )
    raise UsageError(
        f"{where}: they were tested on different rows ({len(a):,} and {len(b):,}, of which {shared:,} have the same "
        "text and label); run both on the same data and split"
    )


def aligned(a: PredictionTable, b: PredictionTable) -> PredictionTable:
    """Return b with its rows and classes in the order of a's; rows are matched by text and gold label.

    Among rows with the same text and label the row number decides, the least first.
    """
    keys_a, keys_b = _keys(a, b)
    if a.labels == b.labels and np.array_equal(keys_a, keys_b):
        return b
    place = np.empty(len(b), np.int64)
    place[np.lexsort((a.rows, keys_a))] = np.lexsort((b.rows, keys_b))
    classes = [b.labels.index(label) for label in a.labels]
    return PredictionTable(
        labels=a.labels,
        rows=b.rows[place],
        references=matrix(b.references, len(classes))[place][:, classes],
        predictions=matrix(b.predictions, len(classes))[place][:, classes],
        probabilities=b.probabilities[place][:, classes],
        tokens=b.tokens[place],
        truncated=b.truncated[place],
        text_hashes=b.text_hashes[place],
    )


def _keys(a: PredictionTable, b: PredictionTable) -> tuple[Ints, Ints]:
    """Return a number for each row of both [N], the same where text and gold labels are."""
    classes = [b.labels.index(label) for label in a.labels]
    gold = [matrix(a.references, len(classes)), matrix(b.references, len(classes))[:, classes]]
    labels = np.unique(np.concatenate(gold), axis=0, return_inverse=True)[1].reshape(-1)
    texts = np.concatenate([a.text_hashes, b.text_hashes])
    pairs = np.column_stack([texts, labels.astype(np.uint64)])
    keys = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    return keys[: len(a)], keys[len(a) :]


def _shared(a: NDArray[Any], b: NDArray[Any]) -> int:
    """Count the values that two arrays share; one that both hold twice counts twice."""
    (values_a, counts_a), (values_b, counts_b) = (np.unique(values, return_counts=True) for values in (a, b))
    _, in_a, in_b = np.intersect1d(values_a, values_b, return_indices=True)
    return int(np.minimum(counts_a[in_a], counts_b[in_b]).sum())


def matrix(ids: Ints, classes: int) -> Ints:
    """Return labels as 0/1 [N, C], in which one label per text and several look alike."""
    if ids.ndim > 1:
        return ids
    rows = np.zeros((len(ids), classes), np.int64)
    rows[np.arange(len(ids)), ids] = 1
    return rows


def _few(labels: Sequence[str], most: int = 5) -> str:
    return ", ".join(map(repr, labels[:most])) + (" and others" if len(labels) > most else "")
