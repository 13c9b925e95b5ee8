"""A difference between two ways to train, seen over seeds and over test rows at once.

Seeds and rows are crossed: each seed judges each row. A difference wanders with both, and with how a seed falls on a
row. The mean squares of the two-way layout without repeats separate these (Searle, Casella and McCulloch, Variance
Components, 1992, chapter 4); the interval is Student's with the degrees of freedom of Satterthwaite (1946).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clsfw.evidence.alignment import matrix
from clsfw.evidence.intervals import limits, resample
from clsfw.evidence.tally import MACRO
from clsfw.studies.spread import LEVEL, student, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clsfw.evidence.predictions import PredictionTable
    from clsfw.studies.content import Gain

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

RESAMPLES = 2000
_SEED = 20_000
_POWER = 0.8  # the share of comparisons in which a difference is to be seen
_MOST_SEEDS = 1000


@dataclass(frozen=True)
class Luck:
    """The mean of values [S, N] of S seeds and N rows, or the difference of two such means, and what it wanders by.

    `error` is the standard error; of its square, `seeds` squared is what more seeds would take away, be it that they
    move all rows or fall on each row in their own way, and `rows` squared what remains. `one_seed` is the variance that
    a single seed (of each side) would bring.
    """

    mean: float
    seeds: float
    rows: float
    error: float
    freedom: float
    one_seed: float

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return student(LEVEL, self.freedom) * self.error if self.error > 0 else 0.0

    @property
    def interval(self) -> list[float]:
        """The 95 % limits of the mean over all seeds and all rows there might be."""
        return [self.mean - self.half, self.mean + self.half]

    @property
    def p(self) -> float:
        """The two-sided p-value of "the mean is 0"."""
        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return tail(abs(self.mean) / self.error, self.freedom)


@dataclass(frozen=True)
class _Side:
    """What the values [S, N] of one side give: variances with their degrees of freedom, and means [N] over seeds."""

    seeds: int
    between: float
    rest: float
    of_row: Floats


def crossed(values: Floats, others: Floats | None = None) -> Luck:
    """Take values [S, N] of at least two seeds apart into chance of seeds and chance of rows.

    With `others` [T, N] on the same rows it is the mean of the values less that of the others; the seeds of the two
    are not paired. Where the others have a single seed, another seed moves them as much as it moves the values.
    """
    sides = [_side(each) for each in (values, others) if each is not None]
    rows = values.shape[1]
    whole = sides[0].of_row - sides[1].of_row if len(sides) > 1 else sides[0].of_row
    known = [side for side in sides if side.seeds > 1]
    # A side with one seed borrows the variances of the other one, and brings no degrees of freedom of its own.
    borrowed = len(sides) - len(known)
    of_seeds = [(side.between * (1 / side.seeds + borrowed), side.seeds - 1) for side in known]
    of_rest = [
        (side.rest * (1 / side.seeds + borrowed) / rows, max((side.seeds - 1) * (rows - 1), 1)) for side in known
    ]
    # A single row says nothing of others: it may be off by as much as a share can.
    of_rows = (float(whole.var(ddof=1)) / rows, rows - 1) if rows > 1 else (1.0, 1)
    seeds, rest = sum(part for part, _ in of_seeds), sum(part for part, _ in of_rest)
    # What a seed and a row have in common is in both. Where there is no luck of seeds, their variance falls short of
    # that in every other study by chance; then the luck of rows alone remains, with its many degrees of freedom.
    if seeds <= rest:
        variance, freedom = of_rows
    else:
        variance = max(seeds + of_rows[0] - rest, seeds)
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in (*of_seeds, of_rows, *of_rest))
    of_rows_alone = max(of_rows[0] - rest, 0.0)
    return Luck(
        mean=float(whole.mean()),
        seeds=math.sqrt(max(variance - of_rows_alone, 0.0)),
        rows=math.sqrt(of_rows_alone),
        error=math.sqrt(variance),
        freedom=max(freedom, 1.0),
        one_seed=sum(side.between for side in known) * len(sides) / len(known),
    )


def _side(values: Floats) -> _Side:
    seeds, rows = values.shape
    of_seed, of_row = values.mean(axis=1), values.mean(axis=0)
    if seeds == 1:
        return _Side(1, 0.0, 0.0, of_row)
    rest = values - of_seed[:, None] - of_row[None, :] + values.mean()
    degrees = max((seeds - 1) * (rows - 1), 1)
    return _Side(seeds, float(of_seed.var(ddof=1)), float((rest**2).sum()) / degrees, of_row)


def shares(table: PredictionTable, score: str) -> Floats:
    """Return numbers [N], one for each row, whose mean is a score: `accuracy`, or a macro score by its slope.

    How far a row moves a macro score follows from the score's derivative by the row's weight (the infinitesimal
    jackknife); so the chance of rows is seen in any of them as it is in the accuracy.
    """
    if score == "accuracy":
        return table.right.astype(np.float64)
    true, predicted, classes = table.references, table.predictions, len(table.labels)
    weights = {"recall": (1, 1, 0), "precision": (1, 0, 1), "f1": (2, 1, 1)}
    top, with_true, with_predicted = weights[score]
    if true.ndim > 1 or predicted.ndim > 1:
        return _shares_of_many(matrix(true, classes), matrix(predicted, classes), weights[score])
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true, predicted), 1)
    both, of_true, of_predicted = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    below = with_true * of_true + with_predicted * of_predicted
    safe = np.maximum(below, 1)
    per_class = np.where(below > 0, top * both / safe, 0.0)
    slope = -(with_true * per_class / safe)[:, None] - (with_predicted * per_class / safe)[None, :]
    slope[np.diag_indices(classes)] += top / safe
    whole: Floats = per_class.mean() + len(table) * slope[true, predicted] / classes
    return whole


def _shares_of_many(true: Ints, predicted: Ints, weights: tuple[int, int, int]) -> Floats:
    """Return the same for several labels per text, 0/1 [N, C], where each class is a question of its own."""
    top, with_true, with_predicted = weights
    both = true * predicted
    below = (with_true * true + with_predicted * predicted).sum(axis=0)
    per_class = np.where(below > 0, top * both.sum(axis=0) / np.maximum(below, 1), 0.0)
    moved = top * both - per_class * (with_true * true + with_predicted * predicted)
    whole: Floats = per_class.mean() + len(true) * (moved / np.maximum(below, 1)).mean(axis=1)
    return whole


def resampled(values: Floats, others: Floats | None, luck: Luck) -> Floats:
    """Draw the mean that `crossed` describes again and again, with other seeds and other rows, [B].

    Rows are the same ones for every seed and both sides. Drawn so, few seeds wander too little, and what a seed and a
    row have in common counts three times (Owen, The pigeonhole bootstrap, 2007). So the draws are stretched about the
    mean until their middle 95 % are as wide as the interval of the two-way layout; what they add is its lopsidedness.
    """
    sides = [each for each in (values, others) if each is not None]
    patterns, counts = np.unique(np.concatenate(sides), axis=1, return_counts=True)
    ends = np.cumsum([len(each) for each in sides])
    rng = np.random.default_rng(_SEED)
    blocks = []
    for drawn in resample(counts, RESAMPLES, _SEED):
        means = np.split(drawn @ patterns.T / values.shape[1], ends[:-1], axis=1)
        picked = [rng.multinomial(n, [1 / n] * n, size=len(drawn)) / n for n in (each.shape[1] for each in means)]
        by_side = [(mean * share).sum(axis=1) for mean, share in zip(means, picked, strict=True)]
        blocks.append(by_side[0] - by_side[1] if len(by_side) > 1 else by_side[0])
    draws = np.concatenate(blocks)
    low, high = limits(draws)
    stretch = 2 * luck.half / (high - low) if high > low else 0.0
    stretched: Floats = luck.mean + (draws - draws.mean()) * stretch
    return stretched


def seeds_needed(luck: Luck, difference: float) -> int | None:
    """Return how many seeds each side needs to see a difference in four of five comparisons; None where none suffice.

    More seeds shrink the luck of seeds alone; the luck of the rows remains.
    """
    for seeds in range(2, _MOST_SEEDS + 1):
        of_seeds, of_rows = luck.one_seed / seeds, luck.rows**2
        variance = of_seeds + of_rows
        # Two sides of so many seeds; the degrees of freedom of the rows are too many to matter.
        freedom = 2 * (seeds - 1) * (variance / of_seeds) ** 2 if of_seeds > 0 else 1e6
        if (student(LEVEL, freedom) + student(2 * _POWER - 1, freedom)) * math.sqrt(variance) <= difference:
            return seeds
    return None


def gain(chosen: Sequence[PredictionTable], own: Sequence[PredictionTable], metric: str) -> Gain:
    """Say what chosen values gain over the recipe's own, paired by seed and row.

    The score is the metric where that is the accuracy or a macro score, and else the accuracy.
    """
    score = metric if metric in MACRO else "accuracy"
    pairs = zip(chosen, own, strict=True)
    luck = crossed(np.stack([shares(a, score) - shares(b, score) for a, b in pairs]))
    return {
        "score": score,
        "mean": luck.mean,
        "interval": luck.interval,
        "error_of_seeds": luck.seeds,
        "error_of_rows": luck.rows,
    }
