"""Times the 95 % intervals of 10,000 rows: few and many classes, and several labels a text.

python tests/bench/intervals.py
"""

from __future__ import annotations

import time

import numpy as np

from clsfw.evidence.intervals import intervals

ROWS = 10_000


def main() -> None:
    rng = np.random.default_rng(0)
    for classes in (2, 77):
        true = rng.integers(classes, size=ROWS)
        said = np.where(rng.random(ROWS) < 0.8, true, rng.integers(classes, size=ROWS))
        print(f"{classes} classes: {seconds(true, said, classes):.2f} s")
    true = (rng.random((ROWS, 20)) < 0.2).astype(np.int64)
    said = np.where(rng.random((ROWS, 20)) < 0.9, true, 1 - true)
    print(f"20 labels, several a text: {seconds(true, said, 20):.2f} s")


def seconds(true: np.ndarray, said: np.ndarray, classes: int) -> float:
    start = time.perf_counter()
    intervals(true, said, tuple(map(str, range(classes))), seed=1)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
