"""A terminal of so many columns, and what was written to it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Terminal:
    """`stream` is what a program writes to."""

    stream: TextIO
    reader: int

    def lines(self) -> list[str]:
        """Give what was written since the last call, of at most some thousand characters."""
        self.stream.flush()
        return os.read(self.reader, 65536).decode().replace("\r", "").removesuffix("\n").split("\n")


@contextmanager
def terminal(columns: int) -> Iterator[Terminal]:
    """Open one."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as stream:
        yield Terminal(stream, ours)
    os.close(ours)
