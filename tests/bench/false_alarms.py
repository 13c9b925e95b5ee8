"""Counts false alarms: how often two studies of the same recipe are called different, and two single runs of it.

python tests/bench/false_alarms.py

The predictions are simulated: each row has a difficulty of its own, each seed moves all rows together, and a row falls
right or wrong by chance about that. Both sides are the same recipe, so each difference that is called one is false.
"""

from __future__ import annotations

import numpy as np

from clsfw.evidence.intervals import limits
from clsfw.evidence.significance import mcnemar
from clsfw.studies.luck import crossed, resampled

LEVEL = 0.05


def answers(rng: np.random.Generator, seeds: int, logits: np.ndarray, luck: float) -> np.ndarray:
    """Draw which rows [S, N] each seed gets right."""
    moved = logits + rng.normal(0, luck, (seeds, 1))
    return (rng.random(moved.shape) < 1 / (1 + np.exp(-moved))).astype(np.float64)


def false_alarms(
    *, repetitions: int, seeds: tuple[int, int] = (5, 5), rows: int = 2000, luck: float = 0.1, bootstrap: bool = False
) -> dict[str, float]:
    """Return the share of false alarms: over seeds and rows, by its bootstrap, and by McNemar on one run of each."""
    rng = np.random.default_rng(2026)
    calls = np.zeros(3)
    for _ in range(repetitions):
        logits = rng.normal(2.5, 1.5, rows)
        one, other = (answers(rng, count, logits, luck) for count in seeds)
        found = crossed(one, other)
        calls[0] += found.p < LEVEL
        if bootstrap:
            low, high = limits(resampled(one, other, found))
            calls[1] += low > 0 or high < 0
        calls[2] += mcnemar(int((one[0] > other[0]).sum()), int((other[0] > one[0]).sum())) < LEVEL
    shares = calls / repetitions
    return {"seeds and rows": shares[0], "bootstrap": shares[1], "McNemar on single runs": shares[2]}


def main() -> None:
    for seeds in ((5, 5), (3, 3), (5, 1), (2, 2)):
        for luck in (0.0, 0.05, 0.1, 0.2):
            logits = np.random.default_rng(1).normal(2.5, 1.5, 2000)
            means = answers(np.random.default_rng(2), 2000, logits, luck).mean(axis=1)
            found = false_alarms(repetitions=1000, seeds=seeds, luck=luck, bootstrap=seeds == (5, 5))
            told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in found.items())
            print(
                f"{seeds[0]} and {seeds[1]} seeds, one run wanders by {100 * means.std():.2f} points: {told}",
                flush=True,
            )


if __name__ == "__main__":
    main()
