"""Faults at the N-th file operation of the store, as SQLite tests itself: for every N, old or new state, nothing else.

    with faults(kill(at=7)):
        execute(plan)          # dies at the seventh operation; run it in a child process

The store changes a disk by the functions of `clsfw.kit.files` alone; here they are wrapped for the time of a block.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clsfw.kit import files

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITES = ("create", "append", "overwrite")
OPERATIONS = (*WRITES, "sync", "rename", "make_directory", "remove", "remove_directory", "set_mode")

Operation = Callable[..., None]
Fault = Callable[[int, str, Operation, tuple[Any, ...]], None]
"""Replaces an operation: takes its number, its name, itself, and its arguments."""


@contextmanager
def faults(fault: Fault) -> Iterator[None]:
    """Call `fault(number, name, operation, arguments)` in the place of each file operation of the block.

    It decides whether to carry out `operation(*arguments)`; operations count from 1.
    """
    before = {name: getattr(files, name) for name in OPERATIONS}
    count = 0

    def wrap(name: str, operation: Operation) -> Operation:
        def counted(*arguments: Any) -> None:
            nonlocal count
            count += 1
            fault(count, name, operation, arguments)

        return counted

    try:
        for name, operation in before.items():
            setattr(files, name, wrap(name, operation))
        yield
    finally:
        for name, operation in before.items():
            setattr(files, name, operation)


def kill(at: int) -> Fault:
    """Kill this process at an operation, in the middle of it where it writes."""

    def fault(number: int, name: str, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if number == at:
            if name in WRITES:
                path, data = arguments
                operation(path, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        operation(*arguments)

    return fault


def fail(at: int, number: int, *, persistent: bool) -> Fault:
    """Raise the operating system's error `number` at an operation, once or from then on; removing always works."""

    def fault(count: int, name: str, operation: Operation, arguments: tuple[Any, ...]) -> None:
        hit = count >= at if persistent else count == at
        if hit and not name.startswith("remove"):
            if name in WRITES:
                path, data = arguments
                operation(path, data[: len(data) // 2])
            raise OSError(number, os.strerror(number), str(arguments[0]))
        operation(*arguments)

    return fault
