"""A display that shows nothing, for runs from Python."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Quiet:
    """Shows nothing; a warning becomes a Python warning."""

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
        self, step: int, training_loss: float | None, loss: float | None, scores: Mapping[str, float]
    ) -> None:
        """Show nothing."""
