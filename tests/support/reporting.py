"""A reporter that remembers: the fixture `reporter`."""

from __future__ import annotations

import pytest


class Remembering:
    """Keeps what it was told, for a test to look at."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.steps: list[tuple[str, int, int | None, str]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        self.steps.append((what, done, total, unit))


@pytest.fixture
def reporter() -> Remembering:
    """Give a reporter that remembers."""
    return Remembering()
