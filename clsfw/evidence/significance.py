"""Whether two classifiers differ on the same rows, or whether the rows could have fallen the other way as well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clsfw.evidence.intervals import limits, resample
from clsfw.evidence.tally import patterns, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

FEW = 25
"""With fewer rows than this that only one of the two gets right, McNemar's test is exact."""


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the p-value of McNemar's test (1947) on the rows that only one of the two gets right.

    Exact (binomial, two-sided) where there are fewer than `FEW` such rows, else chi-square with one degree of freedom
    and the continuity correction of Edwards (1948).
    """
    differing = only_a + only_b
    if differing == 0:
        return 1.0
    if differing < FEW:
        tail = sum(math.comb(differing, k) for k in range(min(only_a, only_b) + 1))
        return min(1.0, math.ldexp(tail, 1 - differing))
    excess = max(0.0, abs(only_a - only_b) - 1.0)
    statistic = excess * excess / differing
    # The upper tail of chi-square with one degree of freedom is that of a squared standard normal.
    return math.erfc(math.sqrt(statistic / 2))


def bootstrap_p(differences: Floats) -> float:
    """Return the two-sided p-value of "no difference": twice the share of resamples on the rarer side of 0."""
    lower = (int((differences <= 0).sum()) + 1) / (len(differences) + 1)
    upper = (int((differences >= 0).sum()) + 1) / (len(differences) + 1)
    return min(1.0, 2 * min(lower, upper))


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for having asked several questions at once (Holm, 1979)."""
    corrected = [0.0] * len(p_values)
    worst = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = worst
    return corrected


def accuracy_differences(only_a: int, only_b: int, rows: int, resamples: int, seed: int) -> Floats:
    """Resample the difference in accuracy, A less B; only how many rows go which way matters."""
    counts = np.array([only_a, only_b, rows - only_a - only_b], dtype=np.int64)
    drawn = np.concatenate(list(resample(counts, resamples, seed)))
    differences: Floats = (drawn[:, 0] - drawn[:, 1]) / rows
    return differences


def f1_differences(references: Ints, of_a: Ints, of_b: Ints, classes: int, *, resamples: int, seed: int) -> Floats:
    """Resample the difference in macro F1, A less B, by the same rows for both."""
    first, counts = patterns(references, of_a, of_b)
    layouts = [table(references[first], said[first], classes) for said in (of_a, of_b)]
    parts = []
    for drawn in resample(counts, resamples, seed):
        in_a, in_b = (layout.scores(drawn).macro("f1") for layout in layouts)
        parts.append(in_a - in_b)
    return np.concatenate(parts)


def interval(differences: Floats) -> list[float]:
    """Return the 95 % limits of resampled differences."""
    return limits(differences)
