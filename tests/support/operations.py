"""How many file operations a job takes, each of which is a moment for a kill or a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clsfw.testing.faults import faults

if TYPE_CHECKING:
    from collections.abc import Callable


def operations_of(job: Callable[[], object]) -> int:
    """Do a job, and return the number of its file operations."""
    last = 0

    def count(number: int, _name: str, operation: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        nonlocal last
        last = number
        operation(*arguments)

    with faults(count):
        job()
    return last
