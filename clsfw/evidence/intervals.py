"""95 % intervals by the bootstrap: how far a score would wander if other test rows had been drawn.

Resampling N rows with replacement draws the counts of their patterns from a multinomial distribution, so that 1000
resamples of 10,000 rows cost a few thousand numbers and not ten million. Limits are plain percentiles (Efron and
Tibshirani, 1993). Where all rows are right, or all wrong, every resample is so too, however few the rows: not an
interval. Accuracy, a plain share, then has Wilson's limits, and the other scores have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clsfw.evidence.tally import MACRO, tabulate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

RESAMPLES = 1000
LEVEL = 0.95
_CELLS_AT_ONCE = 4_000_000  # numbers in memory at once: 32 MB


def resample(counts: Ints, resamples: int, seed: int) -> Iterator[Ints]:
    """Draw counts of K patterns again and again, in blocks [b, K] that fit into memory."""
    rng = np.random.default_rng(seed)
    rows = int(counts.sum())
    block = max(1, _CELLS_AT_ONCE // max(1, len(counts)))
    for start in range(0, resamples, block):
        yield rng.multinomial(rows, counts / rows, size=min(block, resamples - start))


def limits(values: NDArray[np.float64]) -> list[float]:
    """Return the 2.5 and the 97.5 percentile."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]


def intervals(
    references: Ints, predictions: Ints, names: tuple[str, ...], seed: int, resamples: int = RESAMPLES
) -> tuple[dict[str, list[float]], dict[str, dict[str, list[float]]]]:
    """Return the limits of accuracy and the macro scores by name, and those of every class by label and name.

    Scores whose limits coincide are left out. References and predictions are int [N] of class ids,
    or 0/1 [N, C] with several labels per text.
    """
    layout, counts = tabulate(references, predictions, len(names))
    right, rows = int(counts[layout.right].sum()), int(counts.sum())
    if right in {0, rows}:
        return {"accuracy": wilson(right, rows)}, {label: {} for label in names}
    drawn = [layout.scores(block) for block in resample(counts, resamples, seed)]
    whole = _moved({name: np.concatenate([scores.macro(name) for scores in drawn]) for name in MACRO})
    per_class = {name: np.concatenate([getattr(scores, name) for scores in drawn]) for name in MACRO[1:]}
    each = {label: _moved({name: values[:, i] for name, values in per_class.items()}) for i, label in enumerate(names)}
    return whole, each


def _moved(drawn: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    found = {name: limits(values) for name, values in drawn.items()}
    return {name: edges for name, edges in found.items() if edges[0] < edges[1]}


def wilson(right: int, rows: int) -> list[float]:
    """Return the 95 % limits of a share (Wilson, 1927), which also hold for a handful of rows."""
    z = 1.959963984540054
    share = right / rows
    centre = share + z * z / (2 * rows)
    half = z * float(np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)))
    scale = 1 + z * z / rows
    return [max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)]
