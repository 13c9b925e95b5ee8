"""Checkpoints that a GPU need not wait for: its state is copied, and a thread writes it while training goes on."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from clsfw import Checkpoints
    from clsfw_gpu_trainer.state import State


class Saver(AbstractContextManager["Saver"]):
    """Commits one checkpoint at a time, `aside` in a thread of its own or at once.

    A kill in the middle leaves what a kill always leaves: the checkpoint before, from which the same bytes follow. What
    goes wrong in the thread is raised by the next `commit` or `finish`.
    """

    def __init__(self, checkpoints: Checkpoints, *, keep: int, aside: bool) -> None:
        self._checkpoints = checkpoints
        self._keep = keep
        self._pool = ThreadPoolExecutor(1, "checkpoint") if aside else None
        self._pending: Future[None] | None = None

    def commit(self, step: int, state: State) -> None:
        """Keep the state; `aside`, return once the run's history was read for it, before it is on the disk.

        Raises:
            HostError: the operating system refused this checkpoint or the one before.

        """
        self.finish()
        if self._pool is None:
            self._checkpoints.commit(step, state.write, keep=self._keep)
            return
        begun = threading.Event()

        def write(folder: Path) -> None:
            begun.set()  # from here on the history may grow
            state.write(folder)

        self._pending = self._pool.submit(self._checkpoints.commit, step, write, keep=self._keep)
        self._pending.add_done_callback(lambda _: begun.set())
        begun.wait()

    def finish(self) -> None:
        """Wait until the last checkpoint is on the disk.

        Raises:
            HostError: the operating system refused it.

        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what is being written come to its end."""
        if self._pool is not None:
            self._pool.shutdown()
        if kind is None:
            self.finish()

    def __enter__(self) -> Self:
        """Return itself."""
        return self
