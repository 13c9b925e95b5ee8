"""The process that makes runs of a study for another one: `python -m clsfw.studies.worker CONNECTION`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from clsfw.discovery.plugins import discover
from clsfw.errors import RunDirectoryError
from clsfw.studies.crew import Setup, packed
from clsfw.studies.making import Maker, Task
from clsfw.studies.plan import make_study

if TYPE_CHECKING:
    from typing import NoReturn


class _Sender:
    """The board of the runs: it passes on what they say to the process that shows it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, total: int) -> None:
        """Pass it on."""
        self._send("begin", total)

    def started(self, run: str) -> None:
        """Pass it on."""
        self._send("started", run)

    def doing(self, run: str, what: str) -> None:
        """Pass it on."""
        self._send("doing", run, what)

    def finished(self, run: str, came_to: str) -> None:
        """Pass it on."""
        self._send("finished", run, came_to)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._send("note", text)

    def warn(self, text: str) -> None:
        """Pass it on."""
        self._send("warn", text)

    def _send(self, *message: str | int) -> None:
        self._connection.send(("board", *message))


def main() -> None:
    """Make one run after the other, until there are no more tasks or one ends in an error."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    connection = Connection(int(sys.argv[1]))
    try:
        setup: Setup = connection.recv()
        plan = make_study(setup.recipe, setup.overrides, discover())
        if plan.identity() != setup.identity:
            raise RunDirectoryError(f"{setup.recipe} has changed since the study in {setup.path} was started")
        maker = Maker(plan, setup.path, _Sender(connection))
        while True:
            task: Task = connection.recv()
            connection.send(("made", maker(task)))
    except EOFError:
        return
    except Exception as exc:  # noqa: BLE001  # the other process shows it, whatever it is
        traceback.print_exc()
        connection.send(("failed", packed(exc)))


def _end_with_parent() -> NoReturn:
    """End at once when the process that gives the tasks has ended, however it did; a run bears that at any moment."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nothing follows that signal")


if __name__ == "__main__":
    main()
