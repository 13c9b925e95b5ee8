"""The actor: it starts a worker on its node, hands it pieces, and passes on what it says.

The worker is a process of its own, the very one that `local` starts: it knows nothing of Ray, has its threads fixed
before any library is loaded, and ends when the actor does.
"""

from __future__ import annotations

import os
import pickle
import platform
from typing import TYPE_CHECKING

from clsfw import HostError
from clsfw_executors.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    Message = tuple[str, bytes | str]


class Seat:
    """Where one worker is at work; Ray calls `hear` and the others from threads of their own."""

    def __init__(self) -> None:
        self._worker: Worker | None = None

    def start(self, make: bytes, threads: int, folder: str, environment: Mapping[str, str]) -> str | None:
        """Start the worker in a folder; return why that cannot be."""
        try:
            os.chdir(folder)
        except OSError as exc:
            return f"{folder} cannot be used on host {platform.node()} ({exc.strerror}); every host must see it"
        os.environ.update(environment)
        try:
            self._worker = Worker(make, threads)
        except OSError as exc:
            return f"no worker can be started on host {platform.node()}: {exc.strerror or exc}"
        return None

    def give(self, piece: bytes) -> None:
        """Let the worker do a pickled piece."""
        self._started.give(piece)

    def hear(self) -> list[Message]:
        """Wait until the worker says something, and return all that it has said by then."""
        worker = self._started
        messages = [worker.hear()]
        while messages[-1][0] == "said" and worker.connection.poll():
            messages.append(worker.hear())
        return [_with_host(kind, content) for kind, content in messages]

    def stop(self) -> None:
        """Ask the worker to stop."""
        self._started.stop()

    @property
    def _started(self) -> Worker:
        if self._worker is None:
            raise AssertionError("the worker is started first")
        return self._worker


def _with_host(kind: str, content: bytes | str) -> Message:
    """Name the host in an error that is its own, such as a full disk."""
    if kind == "failed" and isinstance(content, bytes):
        error = pickle.loads(content)  # noqa: S301  # from a worker of ours
        if type(error) is HostError:
            return kind, pickle.dumps(HostError(f"on host {platform.node()}: {error}"))
    return kind, content
