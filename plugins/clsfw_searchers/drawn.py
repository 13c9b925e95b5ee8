"""Random search: each trial draws from a stream of its own, so it hangs on no other trial."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw import Range, Trial


class RandomSearcher:
    """Draws each value by itself."""

    def ask(self, space: Mapping[str, Range], finished: Sequence[Trial], number: int, seed: int) -> dict[str, Any]:
        """Return the values of a trial, whatever the others came to."""
        # The legacy generator's stream never changes, so a seed means the same trials with every numpy.
        stream = np.random.RandomState([seed, number])
        return {name: _draw(within, float(stream.random_sample())) for name, within in space.items()}


def _draw(within: Range, share: float) -> Any:
    """Return the value at a share from 0 to 1 of a range."""
    if within.choices:
        return within.choices[int(share * len(within.choices))]
    low, high = within.low, within.high
    if low is None or high is None:
        raise ValueError("a range without choices has a low and a high end")
    whole = isinstance(low, int) and isinstance(high, int)
    if within.step is not None:
        value = low + within.step * int(share * (int((high - low) / within.step + 1e-9) + 1))
        return value if whole else min(value, high)
    # Whole numbers are cut from a range that is wider by one, so that both ends come up as often as the others.
    top = high + 1 if whole else high
    value = low * (top / low) ** share if within.log else low + (top - low) * share
    return min(math.floor(value), high) if whole else min(max(value, low), high)
