"""Makes the runs of a study: here one after the other, or several at once by the workers of an executor."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Protocol

from clsfw.contract.parts import Resources
from clsfw.errors import HostError, InterruptedRunError
from clsfw.evidence.environment import processors
from clsfw.pools import HERE, find_executor, opened
from clsfw.process.signals import StopSignals
from clsfw.studies.making import Made, Maker, Task
from clsfw.studies.needs import needed
from clsfw.studies.shared import SharedData
from clsfw.studies.worker import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clsfw.contract.parts import Event, Pool
    from clsfw.discovery.parts import BuiltExecutor
    from clsfw.discovery.plugins import Plugins
    from clsfw.studies.board import Board
    from clsfw.studies.plan import StudyPlan

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


@dataclass
class Several:
    """Makes `jobs` runs at once, each by a worker of the pool; `signals` ask it to stop."""

    pool: Pool
    jobs: int
    board: Board
    signals: StopSignals
    data: SharedData
    _numbers: Iterator[int] = field(default_factory=count, init=False)
    _begun: dict[int, Task] = field(default_factory=dict, init=False)
    _made: dict[str, Made] = field(default_factory=dict, init=False)

    def begin(self, task: Task) -> None:
        """Let a worker make the run as soon as one is free."""
        number = next(self._numbers)
        self._begun[number] = task
        self.pool.begin(number, task)

    def result(self, task: Task) -> Made:
        """Pass on what the workers say until the run is made."""
        while task.name not in self._made:
            if self.signals.received is not None:
                self._stop()
                message = "the runs are saved; the same command continues the study"
                raise InterruptedRunError(message, self.signals.received)
            for event in self.pool.wait(_PATIENCE):
                self._take(event)
        return self._made.pop(task.name)

    def _take(self, event: Event) -> None:
        """Take in what became known.

        Raises:
            ClsfwError: what ended the run; the other runs have stopped.

        """
        if event.kind == "said":
            method, *words = event.content
            getattr(self.board, method)(*words)
            return
        task = self._begun.pop(event.number)
        if event.kind == "done":
            self._made[task.name] = event.content
            return
        self._stop()
        if event.kind == "failed":
            raise event.content
        how, *last = str(event.content).split("\n", 1)
        message = f"the process that made {task.name} {how}; the same command continues the study"
        raise HostError("\n".join([message, *last]))

    def _stop(self) -> None:
        """Ask the workers to stop at the end of their step, and wait until they have."""
        self.pool.stop()
        while self._begun:
            for event in self.pool.wait(_PATIENCE):
                if event.kind != "said":
                    self._begun.pop(event.number, None)


@dataclass(frozen=True)
class Place:
    """Where the runs of a study are made, and what its hosts have, the first one's first."""

    on: str
    plugins: Plugins
    executor: BuiltExecutor | None
    hosts: tuple[Resources, ...]

    @classmethod
    def found(cls, on: str, plugins: Plugins, *, connect: bool) -> Place:
        """Find what `on` names, and ask what there is if it is to be used; this machine is asked only when it is.

        Raises:
            UsageError: there is no such executor.
            HostError: its hosts cannot be reached.

        """
        executor = None if on == HERE else find_executor(on, plugins)
        hosts = executor.hosts() if executor is not None and connect else [Resources(processors())]
        return cls(on, plugins, executor, tuple(hosts))

    @property
    def here(self) -> bool:
        """Whether it is this machine."""
        return self.executor is None

    def threads(self, jobs: int) -> int:
        """Return with how many threads so many runs can compute at once, from 1."""
        fit = (n for n in range(max(host.cpus for host in self.hosts), 0, -1) if self._room(n) >= jobs)
        return next(fit, 1)

    def _room(self, threads: int) -> int:
        return sum(host.cpus // threads for host in self.hosts)


@contextmanager
def hired(plan: StudyPlan, path: Path, board: Board, place: Place, *, jobs: int, threads: int | None) -> Iterator[Crew]:
    """Provide whoever makes the runs of the study in the directory `path`."""
    if threads is None:
        yield Alone(Maker(plan, path, board))
        return
    executor = place.executor or find_executor(HERE, place.plugins)
    setup = Setup(str(plan.document.file.absolute()), plan.overrides, path.absolute(), plan.identity())
    data, each = SharedData(), Resources(threads)
    with StopSignals(board.note) as signals:
        if not place.here:
            each = needed(plan.own, place.hosts, threads, data)
        with opened(executor, setup, jobs, each) as pool:
            yield Several(pool, jobs, board, signals, data)
