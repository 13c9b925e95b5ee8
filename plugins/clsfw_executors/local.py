"""Workers on this machine."""

from __future__ import annotations

import os
import pickle
from collections import deque
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Self

from clsfw import Event, Resources
from clsfw_executors.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType


class LocalExecutor:
    """This machine. Memory and GPUs are not shared out: its workers take what they find."""

    def hosts(self) -> list[Resources]:
        """Return the processors that this process may use."""
        return [Resources(processors(), _memory())]

    def open(
        self, make: Callable[[Callable[[Any], None]], Callable[[Any], Any]], workers: int, each: Resources
    ) -> LocalPool:
        """Return a pool; a worker is started when there is a piece for it."""
        return LocalPool(pickle.dumps(make), workers, each.cpus)


class LocalPool:
    """Processes that do pieces.

    A piece whose process ended is lost. It is not begun again: on one machine a process ends by memory that ran out, or
    by a fault of its own code, and would meet the same again.
    """

    def __init__(self, make: bytes, workers: int, threads: int) -> None:
        self._make = make
        self._most = workers
        self._threads = threads
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._at: dict[Worker, int | None] = {}
        """The workers, each with the number of the piece that it is at."""
        self._dropped: list[Event] = []
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        for worker in self._at:
            worker.end()
        self._at.clear()

    def begin(self, number: int, piece: Any) -> None:
        """Let a process that is idle do the piece, or a new one, or let the piece wait for one."""
        self._waiting.append((number, pickle.dumps(piece)))
        if self._stopped:
            self._drop()
        self._fill()

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return what the processes said."""
        events, self._dropped = self._dropped, []
        ready = set(wait([worker.connection for worker in self._at], 0 if events else timeout))
        for worker in [worker for worker in self._at if worker.connection in ready]:
            event = self._heard(worker)
            if event is not None:
                events.append(event)
        self._fill()
        return events

    def stop(self) -> None:
        """Ask the processes to stop, and begin no more."""
        self._stopped = True
        self._drop()
        for worker in self._at:
            worker.stop()

    def _heard(self, worker: Worker) -> Event | None:
        """Take in one message; that an idle process ended is none."""
        kind, content = worker.hear()
        number = self._at[worker]
        if kind == "lost":
            del self._at[worker]
            worker.end()
        elif kind != "said":
            self._at[worker] = None
        if number is None:
            return None
        return Event(kind, number, pickle.loads(content) if isinstance(content, bytes) else content)  # type: ignore[arg-type]  # noqa: S301  # from a process of ours

    def _fill(self) -> None:
        """Hand waiting pieces out as far as there are workers, or room for them."""
        while self._waiting:
            worker = next((worker for worker, number in self._at.items() if number is None), None)
            if worker is None and len(self._at) < self._most:
                worker = Worker(self._make, self._threads)
            if worker is None:
                return
            number, piece = self._waiting.popleft()
            self._at[worker] = number
            worker.give(piece)

    def _drop(self) -> None:
        self._dropped += [Event("lost", number, "was not begun") for number, _ in self._waiting]
        self._waiting.clear()


def processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int | None:
    with suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None
