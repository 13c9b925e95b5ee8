"""Scales of charts: from where to where an axis goes, and at which round numbers it is labelled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ROUND = (1, 2, 2.5, 5, 10)  # what steps between labels begin with
_MOST_TICKS = 7
_HUGE, _TINY = 1e300, 1e-300  # beyond, what lies between two numbers may be infinite or nothing
_NARROW = 1e-9  # of the size of its numbers: no scale is narrower


@dataclass(frozen=True)
class Scale:
    """What an axis shows: the values from `low` to `high`, of which some have words."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies, from 0 to 1."""
        inside = min(max(value, self.low), self.high)
        if self.log:
            return math.log(inside / self.low) / math.log(self.high / self.low)
        return (inside - self.low) / (self.high - self.low)


def numbers(
    values: Iterable[float],
    *,
    low: float | None = None,
    high: float | None = None,
    room: float = 0.05,
    whole: bool = False,
) -> Scale:
    """Return a scale that shows all these numbers, with some room at both ends unless these are given."""
    finite = [max(-_HUGE, min(_HUGE, value)) for value in values if math.isfinite(value)] or [0.0, 1.0]
    least, most = min(finite), max(finite)
    size = max(abs(least), abs(most))
    if most - least <= max(_NARROW * size, _TINY):  # a single value
        around = size / 10 if size > _TINY else 1
        least, most = least - around, most + around
    margin = room * (most - least)
    least, most = least - margin if low is None else low, most + margin if high is None else high
    raw = max((most - least) / _MOST_TICKS, 1.0 if whole else 0.0)
    power = 10.0 ** math.floor(math.log10(raw))
    steps = [factor * power for factor in _ROUND if not whole or (factor * power).is_integer()]
    step = next(step for step in steps if step >= raw * (1 - _NARROW))
    places = [number * step for number in range(math.ceil(least / step), math.floor(most / step) + 1)]
    return Scale(least, most, [(place, _written(place, step)) for place in places])


def factors(values: Iterable[float]) -> Scale:
    """Return a scale on which equal factors are equally wide; only numbers above 0 have a place on it."""
    found = [value for value in values if value > 0] or [1.0]
    low, high = min(found) / 1.25, max(found) * 1.25
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(first, last + 1, -(-(last - first) // _MOST_TICKS))
    starts = (1,) if sum(low <= 10.0**power <= high for power in powers) > 1 else (1, 2, 5)
    ticks = [start * 10.0**power for power in powers for start in starts]
    return Scale(low, high, [(place, f"{place:g}") for place in ticks if low <= place <= high], log=True)


def names(words: Sequence[str]) -> Scale:
    """Return a scale of names, at 0, 1 and so on."""
    return Scale(-0.5, len(words) - 0.5, list(enumerate(words)))


def _written(number: float, step: float) -> str:
    """Write a number with as many digits as the steps of its scale need."""
    if number == 0:
        return "0"
    if not 1e-4 <= step < 1e7:  # noqa: PLR2004  # longer than any axis has room for
        return f"{number:.{max(6, 2 + math.ceil(math.log10(abs(number) / step)))}g}"
    digits = max(0, 1 - math.floor(math.log10(step)))
    tail = f"{step:.{digits}f}".rstrip("0").partition(".")[2]  # 0.25 has two digits, 0.2 one
    return f"{number:,.{len(tail)}f}"
