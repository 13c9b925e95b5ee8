"""Gathers what is wrong with a file, so that one message names the first place of each fault and counts the others."""

from __future__ import annotations

from typing import NoReturn

from clsfw import DataError, Place

_SHOWN = 5
_LONGEST = 60


class Complaints:
    """The faults of one file by kind, in the order in which they were met."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._first: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._others = 0

    def __bool__(self) -> bool:
        """Return whether anything was noted."""
        return bool(self._first)

    def add(self, kind: str, line: int, message: str) -> None:
        """Note a fault; of each kind the first is reported and the rest are counted."""
        if kind not in self._first and len(self._first) >= _SHOWN:
            self._others += 1
            return
        self._first.setdefault(kind, f"{Place(self._name, line)}: {message}")
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def fail(self, last: DataError | None = None) -> NoReturn:
        """Raise all that was noted, and the error that ended the reading, as one.

        Raises:
            DataError: always.

        """
        told = [
            message if self._counts[kind] == 1 else f"{message} ({self._counts[kind]:,} rows in all, this is the first)"
            for kind, message in self._first.items()
        ]
        if self._others:
            told.append(f"{self._name}: {self._others:,} more rows with other faults")
        if last is not None:
            told.append(str(last))
        raise DataError("\n".join(told)) from last


def short(value: str) -> str:
    """Show a value of the file in quotes, cut if it is long."""
    return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")
