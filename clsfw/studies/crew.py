"""Makes the runs of a study: here one after the other, or several at once in processes of their own.

A process gets tasks through a connection, and sends back what its run is at and what it came to. Its standard input
ends with this process, and then it ends, too. It leads a session of its own: a signal from the terminal reaches this
process alone, which asks the others to stop.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import TYPE_CHECKING, Any, Protocol, Self

from clsfw import errors
from clsfw.errors import ClsfwError, HostError, InterruptedRunError, RecipeError
from clsfw.process.signals import StopSignals
from clsfw.studies.making import Made, Maker, Task
from clsfw.studies.shared import SharedData

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import IO

    from clsfw.studies.board import Board
    from clsfw.studies.plan import StudyPlan
    from clsfw.toml.overrides import Override

_PATIENCE = 0.2
"""Seconds after which a signal is noticed."""


class Crew(Protocol):
    """Makes runs, `jobs` of them at once; `data` is what they read and cut alike."""

    jobs: int
    data: SharedData

    def begin(self, task: Task) -> None:
        """Let a run begin as soon as there is room for it."""

    def result(self, task: Task) -> Made:
        """Wait for what a run comes to.

        Raises:
            ClsfwError: whatever ends any of the runs, except training that diverged.

        """


class Alone:
    """Makes one run after the other in this process, each when its result is asked for."""

    jobs = 1

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self.data = maker.data

    def begin(self, task: Task) -> None:
        """Wait until the result is asked for."""

    def result(self, task: Task) -> Made:
        """Make the run."""
        return self._maker(task)


@dataclass(frozen=True)
class Setup:
    """What a process needs to make runs of a study; `identity` is that of the recipe when the study began."""

    recipe: str
    overrides: tuple[Override, ...]
    path: Path
    identity: str


@dataclass
class _Worker:
    """A process, and the task that it is at."""

    process: subprocess.Popen[bytes]
    connection: Connection
    said: IO[bytes]
    task: Task | None = None


@dataclass
class Several:
    """Makes `jobs` runs at once, each in a process with so many `threads`; use it as a context."""

    setup: Setup
    jobs: int
    threads: int
    board: Board
    data: SharedData = field(default_factory=SharedData, init=False)
    _signals: StopSignals = field(init=False)
    _waiting: deque[Task] = field(default_factory=deque, init=False)
    _workers: list[_Worker] = field(default_factory=list, init=False)
    _made: dict[str, Made] = field(default_factory=dict, init=False)

    def __enter__(self) -> Self:
        self._signals = StopSignals(self.board.note)
        self._signals.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes; what one of them is at goes on from its last checkpoint when the study does."""
        try:
            for worker in self._workers:
                worker.connection.close()
                worker.process.kill()
                worker.process.communicate()
                worker.said.close()
        finally:
            self._signals.__exit__(kind, exc, trace)

    def begin(self, task: Task) -> None:
        """Send the task to a process that is idle, to a new one, or let it wait for one."""
        idle = next((worker for worker in self._workers if worker.task is None), None)
        if idle is None and len(self._workers) < self.jobs:
            idle = self._started()
        if idle is None:
            self._waiting.append(task)
        else:
            _give(idle, task)

    def result(self, task: Task) -> Made:
        """Pass on what the processes say until the task is done."""
        while task.name not in self._made:
            if self._signals.received is not None:
                self._stop()
                message = "the runs are saved; the same command continues the study"
                raise InterruptedRunError(message, self._signals.received)
            for connection in wait([worker.connection for worker in self._workers], _PATIENCE):
                self._hear(next(worker for worker in self._workers if worker.connection is connection))
        return self._made.pop(task.name)

    def _started(self) -> _Worker:
        ours, theirs = Pipe()
        said = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        process = subprocess.Popen(  # noqa: S603  # this interpreter
            [sys.executable, "-m", "clsfw.studies.worker", str(theirs.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": str(self.threads)},
        )
        theirs.close()
        ours.send(self.setup)
        worker = _Worker(process, ours, said)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: _Worker) -> None:
        """Take in one message.

        Raises:
            ClsfwError: what ended the run; the other runs have stopped.

        """
        try:
            what, *content = worker.connection.recv()
        except (EOFError, OSError):
            what, content = "failed", [_death(worker)]
        if what == "board":
            method, *words = content
            getattr(self.board, method)(*words)
        elif what == "made" and worker.task is not None:
            self._made[worker.task.name] = content[0]
            worker.task = None
            if self._waiting:
                _give(worker, self._waiting.popleft())
        else:
            self._stop()
            raise unpacked(content[0])

    def _stop(self) -> None:
        """Ask the processes to stop at the end of their step, and wait until they have."""
        for worker in self._workers:
            worker.process.send_signal(signal.SIGTERM)
        for worker in self._workers:
            with suppress(EOFError, OSError):
                while worker.task is not None and worker.connection.recv()[0] == "board":
                    pass


@dataclass(frozen=True)
class Packed:
    """An error on its way between processes."""

    kind: str
    arguments: tuple[Any, ...]


def packed(error: Exception) -> Packed:
    """Pack an error as the nearest kind that this library has."""
    kind = next(k for k in type(error).__mro__ if k.__module__ in {errors.__name__, "builtins"})
    if isinstance(error, RecipeError):
        return Packed(kind.__name__, (error.problems,))
    if isinstance(error, InterruptedRunError):
        return Packed(kind.__name__, (str(error), error.signal_number))
    return Packed(kind.__name__, (str(error),))


def unpacked(error: Packed) -> Exception:
    """Return the error; one that this library did not raise on purpose is a `RuntimeError` that names its kind."""
    kind = getattr(errors, error.kind, None)
    if isinstance(kind, type) and issubclass(kind, ClsfwError):
        return kind(*error.arguments)
    return RuntimeError(f"{error.kind}: {error.arguments[0]}")


def _give(worker: _Worker, task: Task) -> None:
    worker.task = task
    with suppress(OSError):  # it has ended; whoever listens to it will see
        worker.connection.send(task)


def _death(worker: _Worker) -> Packed:
    """Say how a process ended that should not have."""
    code = worker.process.wait()
    worker.said.seek(0)
    last = worker.said.read().decode(errors="replace").strip().rpartition("\n")[2]
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    why = " (memory that runs out ends it so)" if code == -signal.SIGKILL else ""
    about = worker.task.name if worker.task is not None else "the next run"
    message = f"the process that made {about} {how}{why}; the same command continues the study"
    return Packed(HostError.__name__, (f"{message}\n{last}" if last else message,))


@contextmanager
def hired(plan: StudyPlan, path: Path, board: Board, *, jobs: int, threads: int | None) -> Iterator[Crew]:
    """Provide whoever makes the runs of the study in the directory `path`."""
    if threads is None:
        yield Alone(Maker(plan, path, board))
        return
    setup = Setup(str(plan.document.file), plan.overrides, path, plan.identity())
    with Several(setup, jobs, threads, board) as crew:
        yield crew
