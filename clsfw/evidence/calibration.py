"""Whether a probability means what it says: of the predictions made with 80 % confidence, 80 % should be right.

Expected calibration error, reliability bins and temperature scaling follow Guo et al. (2017). With several labels per
text every (text, label) cell is a yes-or-no question of its own, and all cells are pooled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw.evidence.metrics import Bin, Calibration

    Floats = NDArray[np.floating[Any]]
    Ints = NDArray[np.int64]

BINS = 15
_BLOCK = 50_000  # rows whose numbers are widened at a time
_TINY = 1e-12  # stands for a probability that float32 rounded to 0
_WIDEST = 3.0  # temperatures between e^-3 and e^3 are tried
_GOLDEN = (5**0.5 - 1) / 2


def scale(probabilities: Floats, temperature: float, *, multi_label: bool = False) -> NDArray[np.float32]:
    """Divide the logits behind probabilities [N, C] by a temperature; the likeliest class stays the likeliest."""
    wide = np.clip(probabilities.astype(np.float64), _TINY, None)
    if multi_label:
        logits = np.log(wide) - np.log(np.clip(1 - probabilities.astype(np.float64), _TINY, None))
        return (1 / (1 + np.exp(-logits / temperature))).astype(np.float32)
    logits = np.log(wide) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return scaled


def log_loss(references: Ints, probabilities: Floats) -> float:
    """Return the mean negative log-likelihood of the true labels, in nats."""
    if references.ndim > 1:  # several labels per text
        wide = probabilities.astype(np.float64)
        of_truth = np.where(references == 1, wide, 1 - wide)
    else:
        of_truth = probabilities[np.arange(len(references)), references].astype(np.float64)
    return float(-np.log(np.clip(of_truth, _TINY, 1.0)).mean())


def brier(references: Ints, probabilities: Floats) -> float:
    """Return the mean squared distance from the truth, summed over a row's classes; with several labels, per cell."""
    if references.ndim > 1:  # several labels per text
        return float(((probabilities.astype(np.float64) - references) ** 2).mean())
    of_rows = np.empty(len(references))
    for start in range(0, len(references), _BLOCK):
        distance = probabilities[start : start + _BLOCK].astype(np.float64)
        distance[np.arange(len(distance)), references[start : start + _BLOCK]] -= 1
        of_rows[start : start + _BLOCK] = (distance**2).sum(axis=1)
    return float(of_rows.mean())


def fit_temperature(references: Ints, probabilities: Floats) -> float:
    """Find the temperature with the least log loss; meant for the validation split, and for nothing else."""
    multi_label = references.ndim > 1  # several labels per text

    def loss(log_temperature: float) -> float:
        scaled = scale(probabilities, float(np.exp(log_temperature)), multi_label=multi_label)
        return log_loss(references, scaled)

    # Golden-section search: the loss has one minimum in the temperature, and this needs no derivative.
    low, high = -_WIDEST, _WIDEST
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-4:  # noqa: PLR2004  # a hundredth of a percent of the temperature
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(right)
    return float(np.exp((low + high) / 2))


def calibration(references: Ints, probabilities: Floats) -> Calibration:
    """Return the expected calibration error, the log loss, the Brier score, and the bins of the reliability diagram."""
    if references.ndim > 1:  # several labels per text
        said_yes = probabilities >= 0.5  # noqa: PLR2004  # the threshold of the engine's decisions
        confidence = np.where(said_yes, probabilities, 1 - probabilities).ravel()
        right = (said_yes == (references == 1)).ravel()
    else:
        confidence = probabilities.max(axis=1)
        right = probabilities.argmax(axis=1) == references
    bins = _bins(confidence.astype(np.float64), right)
    total = len(confidence)
    error = sum(b["rows"] * abs(b["accuracy"] - b["confidence"]) for b in bins) / total
    return {
        "ece": float(error),
        "log_loss": log_loss(references, probabilities),
        "brier": brier(references, probabilities),
        "bins": bins,
    }


def _bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Bin]:
    """Sort cells into bins of equal width, (low, high], and leave empty ones out."""
    index = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    rows = np.bincount(index, minlength=BINS)
    mean = np.bincount(index, confidence, BINS)
    hits = np.bincount(index, right.astype(np.float64), BINS)
    return [
        {
            "low": i / BINS,
            "high": (i + 1) / BINS,
            "rows": int(rows[i]),
            "confidence": float(mean[i] / rows[i]),
            "accuracy": float(hits[i] / rows[i]),
        }
        for i in range(BINS)
        if rows[i]
    ]
