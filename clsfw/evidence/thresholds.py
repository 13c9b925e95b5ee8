"""Decisions at other thresholds than one half, for two classes or for each of several labels.

The positive class of two is the second. A threshold may be tuned on validation; never on test, which only shows what it
brought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw.evidence.metrics import ThresholdScores

    Floats = NDArray[np.floating[Any]]
    Bools = NDArray[np.bool_]

_BLOCK = 1_000_000
_TABLE = tuple(round(0.05 * i, 2) for i in range(1, 20))


def roc_auc(positive: Bools, probability: Floats) -> float | None:
    """Return the chance that a positive row gets a higher probability than a negative one, ties counting half.

    None where one of the two classes has no rows.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    lower, wins = np.sort(probability[~positive]), 0
    for start in range(0, len(probability), _BLOCK):
        block = slice(start, start + _BLOCK)
        of_positives = probability[block][positive[block]]
        # Each negative below counts twice, each tie once.
        wins += int(sum(np.searchsorted(lower, of_positives, side).sum() for side in ("left", "right")))
    return wins / 2 / (positives * negatives)


def at(positive: Bools, probability: Floats, threshold: float) -> ThresholdScores:
    """Score the rule "positive if the probability is at least the threshold"."""
    # In the probability's own type: float32(0.7) is less than the float64 0.7, and nobody means that.
    said = probability >= probability.dtype.type(threshold)
    both, right = int((said & positive).sum()), int((said == positive).sum())
    said_yes, true = int(said.sum()), int(positive.sum())
    said_no, false = len(said) - said_yes, len(said) - true
    f1_positive = _ratio(2 * both, said_yes + true)
    f1_negative = _ratio(2 * (right - both), said_no + false)
    return {
        "threshold": float(threshold),
        "accuracy": _ratio(right, len(said)),
        "precision": _ratio(both, said_yes),
        "recall": _ratio(both, true),
        "f1": f1_positive,
        "macro_f1": (f1_positive + f1_negative) / 2,
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def threshold_table(positive: Bools, probability: Floats) -> list[ThresholdScores]:
    """Score the thresholds 0.05, 0.10, ... 0.95."""
    return [at(positive, probability, threshold) for threshold in _TABLE]


def tune(positive: Bools, probability: Floats, *, macro: bool) -> float:
    """Find the threshold with the best F1: macro over both answers, or of the positive one.

    Tried are all points halfway between two neighbouring probabilities; of equally good ones the nearest to 0.5 wins.
    """
    order = np.argsort(-probability, kind="stable")
    ordered, hits = probability[order].astype(np.float64), np.cumsum(positive[order])
    said = np.arange(1, len(ordered) + 1)
    last_of_equals = np.append(ordered[1:] != ordered[:-1], True)
    total = int(positive.sum())
    f1 = 2 * hits / (said + total)
    if macro:
        # Rows under the threshold that are negative indeed, over those under it and all negative ones.
        under, negatives = len(ordered) - said, len(ordered) - total
        right_no = under - (total - hits)
        f1 = (f1 + 2 * right_no / np.maximum(under + negatives, 1)) / 2
    below = np.append(ordered[1:], 0.0)
    middle = ((ordered + below) / 2)[last_of_equals]
    f1 = f1[last_of_equals]
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(middle[best[np.argmin(np.abs(middle[best] - 0.5))]])
