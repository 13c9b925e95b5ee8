"""How C is chosen where the recipe does not say it: among a few values, by the loss on texts that were left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CHOICES = (0.1, 1.0, 10.0, 100.0)
WITHOUT_CHOICE = 1.0
"""Where there are too few texts to leave some out: scikit-learn's own default."""
FOLDS = 3


def until_it_rises(loss_at: Callable[[float], float]) -> dict[float, float]:
    """Return the loss for each choice of C in rising order, up to the first that is not better than the one before.

    The loss has one valley, and the fits beyond it take the longest.
    """
    losses: dict[float, float] = {}
    for c in CHOICES:
        losses[c] = loss_at(c)
        if losses[c] > min(losses.values()):
            break
    return losses


def folds(truth: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return a fold for each text, drawn by the seed; with one label per text each fold has its share of each class."""
    order = np.random.default_rng(seed).permutation(len(truth))
    if truth.ndim == 1:
        order = order[np.argsort(truth[order], kind="stable")]
    fold = np.empty(len(truth), dtype=np.int64)
    fold[order] = np.arange(len(truth)) % FOLDS
    return fold


def teaches(truth: NDArray[np.int64]) -> bool:
    """Return whether there are two classes, or with several labels per text one label that is on some texts only."""
    return bool((truth != truth[:1]).any())
