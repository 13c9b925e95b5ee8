"""A terminal of so many columns, and what was written to it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@dataclass(frozen=True)
class Terminal:
    """`stream` is what a program writes to."""

    stream: TextIO
    reader: int

    def lines(self) -> list[str]:
        """Give what was written since the last call, of at most some thousand characters."""
        self.stream.flush()
        told = b""
        while select.select([self.reader], [], [], 0.05)[0]:  # it comes in pieces
            told += os.read(self.reader, 65536)
        return told.decode().replace("\r", "").removesuffix("\n").split("\n")

    def rest(self, process: subprocess.Popen[bytes]) -> str:
        """Give all that a process writes until it ends."""
        told = b""
        while True:
            ready, _, _ = select.select([self.reader], [], [], 0.1)
            if ready:
                told += os.read(self.reader, 65536)
            elif process.poll() is not None:
                return told.decode().replace("\r", "")


@contextmanager
def terminal(columns: int) -> Iterator[Terminal]:
    """Open one."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as stream:
        yield Terminal(stream, ours)
    os.close(ours)
