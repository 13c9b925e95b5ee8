"""What several seeds say of a score: mean, standard deviation, and an interval for the mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clsfw.studies.content import Spread

LEVEL = 0.95


def spread(values: Sequence[float]) -> Spread:
    """Describe at least two values of one score, in the order of the seeds.

    The interval is Student's: it covers the mean over all seeds in 95 of 100 studies where their scores are about
    normal. It covers the seeds alone; the test rows have intervals in each run.
    """
    same = min(values) == max(values)  # else the last bits of a sum look like a deviation
    mean, deviation = (values[0], 0.0) if same else (float(np.mean(values)), float(np.std(values, ddof=1)))
    half = student(LEVEL, len(values) - 1) * deviation / math.sqrt(len(values))
    return {
        "mean": mean,
        "std": deviation,
        "interval": [mean - half, mean + half],
        "values": [float(v) for v in values],
    }


def student(level: float, freedom: float) -> float:
    """Return the half width, in standard errors, of a two-sided interval with so many degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def tail(statistic: float, freedom: float) -> float:
    """Return the chance that Student's t is at least so far from 0, on either side."""
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -statistic))
