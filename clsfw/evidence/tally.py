"""Counts of outcomes, and the scores that follow from them: one way for one label per text and for several.

Rows that share their true and their predicted labels are one *pattern* with a count. All scores here are functions of
the pattern counts, so a resample of the rows is only another vector of counts; no row is touched again.
B counts resamples, K patterns, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from clsfw.evidence.metrics import MacroScores, Matrix, MeanScores, Report

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

MACRO = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class Scores:
    """Scores of B vectors of counts: `accuracy` [B]; `precision`, `recall`, `f1` [B, C]; a class without rows gives 0.

    With several labels per text, accuracy is the share of rows whose labels are all right.
    """

    accuracy: Floats
    precision: Floats
    recall: Floats
    f1: Floats

    def macro(self, name: str) -> Floats:
        """Return the accuracy, or the plain mean over all classes of another score, [B]."""
        if name == "accuracy":
            return self.accuracy
        per_class: Floats = getattr(self, name)
        mean: Floats = per_class.mean(axis=-1)
        return mean


@dataclass(frozen=True)
class Table:
    """The patterns of an outcome: `right` [K], and (pattern, class) pairs of what is true, predicted, and both."""

    right: NDArray[np.bool_]
    true: tuple[Ints, Ints]
    predicted: tuple[Ints, Ints]
    both: tuple[Ints, Ints]
    classes: int

    def scores(self, counts: Floats | Ints) -> Scores:
        """Score every row of counts [B, K]."""
        weights = np.asarray(counts, dtype=np.float64)
        true, predicted, both = (self._per_class(pairs, weights) for pairs in (self.true, self.predicted, self.both))
        rows = weights.sum(axis=1)
        return Scores(
            accuracy=_ratio(weights[:, self.right].sum(axis=1), rows),
            precision=_ratio(both, predicted),
            recall=_ratio(both, true),
            f1=_ratio(2 * both, true + predicted),
        )

    def support(self, counts: Ints) -> Ints:
        """Count the rows of each true class, [C]."""
        pattern, of_class = self.true
        return np.bincount(of_class, counts[pattern], self.classes).astype(np.int64)

    def _per_class(self, pairs: tuple[Ints, Ints], weights: Floats) -> Floats:
        pattern, of_class = pairs
        if len(pattern) <= weights.shape[1]:
            return np.stack([np.bincount(of_class, line[pattern], self.classes) for line in weights])
        # Several labels in most patterns: one product of matrices is faster, and as exact, since all are whole numbers.
        carries = np.zeros((weights.shape[1], self.classes))
        carries[pattern, of_class] = 1
        counted: Floats = weights @ carries
        return counted


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def patterns(*columns: Ints) -> tuple[Ints, Ints]:
    """Return where each distinct pattern of the columns occurs first, [K], and how often it occurs, [K].

    Every column is int [N], or [N, C] with several labels per text.
    """
    if all(column.ndim == 1 and column.size and column.min() >= 0 for column in columns):
        return _patterns_of_ids(columns)
    side_by_side = np.column_stack(columns)
    if not len(side_by_side):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    _, first, counts = np.unique(side_by_side, axis=0, return_index=True, return_counts=True)
    return first.astype(np.int64), counts.astype(np.int64)


def _patterns_of_ids(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Do as `patterns` for columns of class ids, by one number for each row."""
    key, kinds = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        kinds *= int(column.max()) + 1
        key *= int(column.max()) + 1
        key += column
    if kinds <= len(key):  # as mostly: nothing has to be sorted
        counts = np.bincount(key)
        first = np.zeros(len(counts), np.int64)
        first[key[::-1]] = np.arange(len(key))[::-1]  # the last one that is written stays, which is where it was first
        return first[counts > 0], counts[counts > 0]
    _, first, counts = np.unique(key, return_index=True, return_counts=True)
    return first.astype(np.int64), counts.astype(np.int64)


def table(references: Ints, predictions: Ints, classes: int) -> Table:
    """Lay out patterns given by their labels: int [K] of class ids, or 0/1 [K, C]."""
    if references.ndim == 1:
        every = np.arange(len(references))
        right = references == predictions
        return Table(right, (every, references), (every, predictions), (every[right], references[right]), classes)
    both = references & predictions
    right = (references == predictions).all(axis=1)
    return Table(right, _pairs(references), _pairs(predictions), _pairs(both), classes)


def _pairs(matrix: Ints) -> tuple[Ints, Ints]:
    pattern, of_class = np.nonzero(matrix)
    return pattern, of_class


def tabulate(references: Ints, predictions: Ints, classes: int) -> tuple[Table, Ints]:
    """Return the table of an outcome and the counts of its patterns, [K]."""
    first, counts = patterns(references, predictions)
    return table(references[first], predictions[first], classes), counts


def macro_scores(references: Ints, predictions: Ints, classes: int) -> MacroScores:
    """Return accuracy and macro precision, recall and F1, by name."""
    layout, counts = tabulate(references, predictions, classes)
    scores = layout.scores(counts[None])
    return cast("MacroScores", {name: float(scores.macro(name)[0]) for name in MACRO})


def classification_report(
    references: Ints, predictions: Ints, names: tuple[str, ...], limits: Mapping[str, dict[str, list[float]]]
) -> Report:
    """Return precision, recall, F1 and support of every class, and their plain and weighted means.

    `limits` are those of each class by label and name of the score, and are beside its scores.
    """
    layout, counts = tabulate(references, predictions, len(names))
    scores, support = layout.scores(counts[None]), layout.support(counts)
    total = int(support.sum())
    weights = support / total if total else np.zeros(len(names))

    def means(mean: Callable[[Floats], float], rows: int) -> MeanScores:
        return {
            "precision": float(mean(scores.precision[0])),
            "recall": float(mean(scores.recall[0])),
            "f1": float(mean(scores.f1[0])),
            "support": rows,
        }

    return {
        "classes": {
            label: {**means(itemgetter(i), int(support[i])), "intervals": limits[label]}
            for i, label in enumerate(names)
        },
        "macro avg": means(np.mean, total),
        "weighted avg": means(lambda values: (values * weights).sum(), total),
    }


def confusion_matrix(references: Ints, predictions: Ints, classes: int) -> Matrix | list[Matrix]:
    """Count rows by true (down) and predicted class (across); with several labels per text one 2 x 2 per class."""
    if references.ndim == 1:
        cells = np.bincount(references * classes + predictions, minlength=classes * classes)
        square: Matrix = cells.reshape(classes, classes).tolist()
        return square
    each = (np.bincount(references[:, c] * 2 + predictions[:, c], minlength=4) for c in range(classes))
    return [cells.reshape(2, 2).tolist() for cells in each]
