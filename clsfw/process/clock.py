"""Where the seconds of a piece of work go: each moment counts for one name."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOTAL = "total_seconds"


class Clock:
    """Adds up seconds by name: a moment counts for the innermost block that is timed, or else for the phase."""

    def __init__(self, phase: str | None = None) -> None:
        """Start with a phase, as in `start_seconds`; None: what is in no block has no name."""
        self._seconds: dict[str, float] = {}
        self._names = [phase]
        self._earlier = 0.0
        self._started = self._since = time.monotonic()

    def phase(self, name: str) -> None:
        """Begin the next phase, which ends the one before; not within a block."""
        self._charge()
        self._names[0] = name

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Count the seconds of a block for this name; a block within it counts for itself."""
        self._charge()
        self._names.append(name)
        try:
            yield
        finally:
            self._charge()
            self._names.pop()

    def add(self, earlier: Mapping[str, float]) -> None:
        """Count on from what `read` gave in another process."""
        self._earlier += earlier.get(TOTAL, 0.0)
        for name in earlier.keys() - {TOTAL}:
            self._seconds[name] = self._seconds.get(name, 0.0) + earlier[name]

    def read(self) -> dict[str, float]:
        """Return the seconds so far by name, and in all."""
        self._charge()
        return {**self._seconds, TOTAL: self._earlier + self._since - self._started}

    def _charge(self) -> None:
        """Add the time since the last look to the name that it counts for."""
        now, name = time.monotonic(), self._names[-1]
        if name is not None:
            self._seconds[name] = self._seconds.get(name, 0.0) + now - self._since
        self._since = now
