"""A process that does pieces of work, as the process that started it sees it.

It leads a session of its own: a signal from the terminal reaches the other process alone, which asks this one to stop.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from multiprocessing.connection import Pipe


class Worker:
    """Does one piece after the other with what `make`, pickled, gives there; it computes with so many threads."""

    def __init__(self, make: bytes, threads: int) -> None:
        """Start the process."""
        self.connection, theirs = Pipe()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end
        self._process = subprocess.Popen(  # noqa: S603  # this interpreter
            [sys.executable, "-m", "clsfw_executors.process", str(theirs.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        theirs.close()
        self._send(make)

    def give(self, piece: bytes) -> None:
        """Let it do a pickled piece."""
        self._send(piece)

    def hear(self) -> tuple[str, bytes | str]:
        """Wait for a message: `done`, `failed` or `said` with a pickled content, or `lost` with words."""
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError):
            return "lost", self._death()
        return kind, content

    def stop(self) -> None:
        """Ask it to stop."""
        self._process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """End it at once."""
        self.connection.close()
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def _send(self, content: bytes) -> None:
        with suppress(OSError):  # it has ended; whoever listens to it will hear
            self.connection.send_bytes(content)

    def _death(self) -> str:
        """Say how it ended, and the last line that it wrote."""
        code = self._process.wait()
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().rpartition("\n")[2]
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        why = " (memory that runs out ends it so)" if code == -signal.SIGKILL else ""
        return f"{how}{why}\n{last}" if last else f"{how}{why}"
