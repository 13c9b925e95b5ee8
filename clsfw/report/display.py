"""Where the engine shows what it does: a terminal, a log, or nobody."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Protocol

from clsfw.contract.parts import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Display(Reporter, Protocol):
    """What the engine shows the outside."""

    warnings: list[str]
    """What was warned of so far; the run keeps it."""

    def stage(self, text: str) -> None:
        """Begin a stage of the run, such as reading the data."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Show a logged training step."""

    def evaluated(
        self,
        step: int,
        training_loss: float | None,
        loss: float | None,
        scores: Mapping[str, float],
        *,
        earlier: bool = False,
    ) -> None:
        """Show an evaluation during training, one row of the table; `earlier` ones are from before a run went on."""


class Quiet:
    """A display that shows nothing, for runs from Python; a warning becomes a Python warning."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        """Show nothing."""

    def warn(self, text: str) -> None:
        """Raise a `UserWarning` at the caller of the public function."""
        self.warnings.append(text)
        warnings.warn(text, UserWarning, stacklevel=2)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Show nothing."""

    def stage(self, text: str) -> None:
        """Show nothing."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Show nothing."""

    def evaluated(
        self,
        step: int,
        training_loss: float | None,
        loss: float | None,
        scores: Mapping[str, float],
        *,
        earlier: bool = False,
    ) -> None:
        """Show nothing."""


class Part:
    """A reporter for a part of the work: notes and warnings pass on, its progress goes to `progress`, or nowhere."""

    def __init__(
        self, outer: Reporter, progress: Callable[[str, int, int | None, str], None] = lambda *_: None
    ) -> None:
        self._outer = outer
        self._progress = progress

    def note(self, text: str) -> None:
        """Pass it on."""
        self._outer.note(text)

    def warn(self, text: str) -> None:
        """Pass it on."""
        self._outer.warn(text)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Hand it to whoever follows this part."""
        self._progress(what, done, total, unit)


_MOST_COUNTED = 4  # classes
_LONGEST = 30  # characters of a label


def counted(counts: Mapping[str, int]) -> str:
    """Write how many rows the classes have, the largest first; of many only the largest and the smallest."""
    by_size = [
        f"{_cut(label)} {count:,}" for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    if len(by_size) <= _MOST_COUNTED:
        return ", ".join(by_size)
    return f"from {by_size[0]} down to {by_size[-1]}"


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[:_LONGEST]}..."
