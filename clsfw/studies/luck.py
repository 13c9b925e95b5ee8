"""A difference between two ways to train, seen over seeds and over test rows at once.

Seeds and rows are crossed: each seed judges each row. A difference wanders with both, and with how a seed falls on a
row. The mean squares of the two-way layout without repeats tell these apart (Searle, Casella and McCulloch, Variance
Components, 1992, chapter 4); the interval is Student's with the degrees of freedom of Satterthwaite (1946).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clsfw.evidence.tally import MACRO
from clsfw.studies.spread import LEVEL, student

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clsfw.evidence.predictions import PredictionTable
    from clsfw.studies.content import Gain

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Luck:
    """The mean of values [S, N] of S seeds and N rows, and what it wanders by.

    `seeds` and `rows` are the standard errors that come of either alone; `error` is that of both together.
    """

    mean: float
    seeds: float
    rows: float
    error: float
    freedom: float

    @property
    def interval(self) -> list[float]:
        """The 95 % limits of the mean over all seeds and all rows there might be."""
        half = student(LEVEL, self.freedom) * self.error if self.error > 0 else 0.0
        return [self.mean - half, self.mean + half]


def crossed(values: Floats) -> Luck:
    """Take values [S, N], at least two of each, apart into the luck of seeds and that of rows."""
    seeds, rows = values.shape
    mean = values.mean()
    of_seed, of_row = values.mean(axis=1), values.mean(axis=0)
    rest = values - of_seed[:, None] - of_row[None, :] + mean
    squares_seed = rows * float(((of_seed - mean) ** 2).sum()) / (seeds - 1)
    squares_row = seeds * float(((of_row - mean) ** 2).sum()) / (rows - 1)
    squares_rest = float((rest**2).sum()) / ((seeds - 1) * (rows - 1))
    count = seeds * rows
    # What a seed and a row have in common is in both mean squares. Where there is no luck of seeds at all, its mean
    # square may fall short of that by chance; the luck of the rows remains.
    variance = max(squares_seed + squares_row - squares_rest, squares_row, squares_seed) / count
    below = sum(
        (square / count) ** 2 / freedom
        for square, freedom in (
            (squares_seed, seeds - 1),
            (squares_row, rows - 1),
            (squares_rest, (seeds - 1) * (rows - 1)),
        )
    )
    freedom = variance**2 / below if below > 0 else 1.0
    return Luck(
        mean=float(mean),
        seeds=math.sqrt(max(squares_seed - squares_rest, 0.0) / count),
        rows=math.sqrt(max(squares_row - squares_rest, 0.0) / count),
        error=math.sqrt(variance),
        freedom=max(freedom, 1.0),
    )


def shares(table: PredictionTable, score: str) -> Floats:
    """Return numbers [N], one for each row, whose mean is a score: `accuracy`, or a macro score by its slope.

    How far a row moves a macro score follows from the score's derivative by the row's weight (the infinitesimal
    jackknife); so the luck of rows is seen in any of them as it is in the accuracy.
    """
    if score == "accuracy":
        return table.right.astype(np.float64)
    true, predicted, classes = table.references, table.predictions, len(table.labels)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true, predicted), 1)
    both, of_true, of_predicted = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    weights = {"recall": (1, 1, 0), "precision": (1, 0, 1), "f1": (2, 1, 1)}
    top, with_true, with_predicted = weights[score]
    below = with_true * of_true + with_predicted * of_predicted
    safe = np.maximum(below, 1)
    per_class = np.where(below > 0, top * both / safe, 0.0)
    slope = -(with_true * per_class / safe)[:, None] - (with_predicted * per_class / safe)[None, :]
    slope[np.diag_indices(classes)] += top / safe
    whole: Floats = per_class.mean() + len(table) * slope[true, predicted] / classes
    return whole


def gain(chosen: Sequence[PredictionTable], own: Sequence[PredictionTable], metric: str) -> Gain:
    """Say what chosen values gain over the recipe's own, paired by seed and row.

    The score is the metric where that is the accuracy or a macro score, and else the accuracy.
    """
    one_label = all(table.references.ndim == 1 for table in (*chosen, *own))
    score = metric if metric in MACRO and one_label else "accuracy"
    pairs = zip(chosen, own, strict=True)
    luck = crossed(np.stack([shares(a, score) - shares(b, score) for a, b in pairs]))
    return {
        "score": score,
        "mean": luck.mean,
        "interval": luck.interval,
        "error_of_seeds": luck.seeds,
        "error_of_rows": luck.rows,
    }
