"""What a worker needs to make runs of a study, and how it makes them there."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clsfw.errors import ClsfwError, HostError, LockedError, RunDirectoryError
from clsfw.kit.lock import is_locked
from clsfw.kit.memory import advice, out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clsfw.studies.making import Made, Maker, Task
    from clsfw.toml.overrides import Override

_PATIENCE, _AGAIN = 180.0, 0.5
"""Seconds for which a run that another process holds is waited for, and between two looks.

The process may be one that was lost: the lock dies with it, and on a shared folder when the server notes that its host
is gone, which takes 90 seconds with NFS 4.
"""


@dataclass(frozen=True)
class Setup:
    """The study in the directory `path`, whose lock the sender holds; `identity` is that of the recipe by then."""

    recipe: str
    overrides: tuple[Override, ...]
    path: Path
    identity: str

    def __call__(self, say: Callable[[Any], None]) -> Callable[[Task], Made]:
        """Return what makes one run after the other.

        Raises:
            HostError: the directory is not the sender's.
            RunDirectoryError: the recipe is another one by now.

        """
        from clsfw.discovery.plugins import discover
        from clsfw.studies.making import Maker
        from clsfw.studies.plan import make_study

        if not is_locked(self.path):
            raise HostError(
                f"{self.path} on host {platform.node()} is not the directory in which the study was started, or its "
                "file system keeps no locks between hosts; every host must see the same directory, with locks (flock)"
            )
        plan = make_study(self.recipe, self.overrides, discover())
        if plan.identity() != self.identity:
            raise RunDirectoryError(f"{self.recipe} has changed since the study in {self.path} was started")
        sender = Sender(say)
        return _Patient(Maker(plan, self.path, sender), sender)


class Sender:
    """The board of the runs: it passes on what they say to the process that shows it."""

    def __init__(self, say: Callable[[Any], None]) -> None:
        self._say = say

    def begin(self, total: int) -> None:
        """Pass it on."""
        self._say(("begin", total))

    def started(self, run: str) -> None:
        """Pass it on."""
        self._say(("started", run))

    def doing(self, run: str, what: str) -> None:
        """Pass it on."""
        self._say(("doing", run, what))

    def finished(self, run: str, came_to: str) -> None:
        """Pass it on."""
        self._say(("finished", run, came_to))

    def note(self, text: str) -> None:
        """Pass it on."""
        self._say(("note", text))

    def warn(self, text: str) -> None:
        """Pass it on."""
        self._say(("warn", text))


@dataclass(frozen=True)
class _Patient:
    """Makes runs, and waits for one whose former process may not have ended yet."""

    make: Maker
    board: Sender

    def __call__(self, task: Task) -> Made:
        """Make a run.

        Raises:
            LockedError: another process holds it for too long.
            ClsfwError: whatever else ends a run.

        """
        limit = time.monotonic() + _PATIENCE
        while True:
            try:
                return self.make(task)
            except LockedError:
                if time.monotonic() > limit:
                    raise
                self.board.doing(task.name, "waits for the process that is at it")
                time.sleep(_AGAIN)
            except Exception as exc:
                if out_of_memory(exc) and not isinstance(exc, ClsfwError):  # as the command says it of its own runs
                    raise HostError(advice()) from exc
                raise
