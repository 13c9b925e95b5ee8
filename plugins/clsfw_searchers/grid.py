"""A grid: every combination of some values of each setting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw import Range, Trial


class GridSearcher:
    """Tries one combination after the other."""

    def __init__(self, points: int) -> None:
        self._points = points

    def ask(
        self, space: Mapping[str, Range], finished: Sequence[Trial], number: int, seed: int
    ) -> dict[str, Any] | None:
        """Return the combination of this number; None behind the last one."""
        rest = number - 1
        if rest >= parts(space, self._points):
            return None
        values: dict[str, Any] = {}
        for name, within in reversed(list(space.items())):
            on_axis = axis(within, self._points)
            rest, place = divmod(rest, len(on_axis))
            values[name] = on_axis[place]
        return {name: values[name] for name in space}


def parts(space: Mapping[str, Range], points: int) -> int:
    """Count the combinations."""
    return math.prod(len(axis(within, points)) for within in space.values())


def axis(within: Range, points: int) -> tuple[Any, ...]:
    """Return the values of one setting: its choices, its steps, or so many points from end to end."""
    if within.choices:
        return within.choices
    low, high = within.low, within.high
    if low is None or high is None:
        raise ValueError("a range without choices has a low and a high end")
    whole = isinstance(low, int) and isinstance(high, int)
    if within.step is not None:
        count = int((high - low) / within.step + 1e-9) + 1
        steps = (low + within.step * i for i in range(count))
        return tuple(steps) if whole else tuple(min(value, high) for value in steps)
    shares = [i / (points - 1) for i in range(points)]
    found = [low * (high / low) ** share if within.log else low + (high - low) * share for share in shares]
    found = [low, *found[1:-1], high]  # the ends to the last bit
    return tuple(dict.fromkeys(round(value) for value in found)) if whole else tuple(found)
