"""Which test rows every seed gets wrong, and which flip from seed to seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clsfw.evidence.predictions import PredictionTable

    Ints = NDArray[np.int64]

MOST = 20
"""So many rows of either kind are shown."""


@dataclass(frozen=True)
class Steadiness:
    """Indices of rows: `lost` are wrong with every seed, the surest first; `flipping` are right with some.

    `right` [N] counts the seeds that get a row right, `confidence` [N] is the mean probability of what was predicted.
    """

    lost: Ints
    flipping: Ints
    right: Ints
    confidence: NDArray[np.float64]
    seeds: int


def steadiness(tables: Sequence[PredictionTable]) -> Steadiness:
    """Count over seeds; all tables have the same rows in the same order."""
    right = np.sum([table.right for table in tables], axis=0)
    confidence = np.mean([table.probabilities.max(axis=1) for table in tables], axis=0)
    lost, flipping = np.flatnonzero(right == 0), np.flatnonzero((right > 0) & (right < len(tables)))
    uneven = np.abs(right[flipping] - len(tables) / 2)
    return Steadiness(
        lost=lost[np.argsort(-confidence[lost], kind="stable")],
        flipping=flipping[np.lexsort((flipping, uneven))],
        right=right,
        confidence=confidence.astype(np.float64),
        seeds=len(tables),
    )


def summed(tables: Sequence[PredictionTable]) -> list[list[int]] | None:
    """Return the counts of true and predicted classes over all seeds; None where a text may carry several labels."""
    if any(table.references.ndim > 1 or table.predictions.ndim > 1 for table in tables):
        return None
    counts = np.zeros((len(tables[0].labels), len(tables[0].labels)), np.int64)
    for table in tables:
        np.add.at(counts, (table.references, table.predictions), 1)
    return [[int(count) for count in row] for row in counts]
