"""Keeps standard output for what a verb itself prints, and bears that nobody may be there to read it."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw.report.terminal import Screen


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send everything that is printed inside the block to standard error, below Python's level too.

    Plugins may print while they are imported, and so may the C libraries and the children that they start; nothing of
    it may get into the JSON that a script reads.
    """
    sys.stdout.flush()
    kept_object, sys.stdout = sys.stdout, sys.stderr
    try:
        kept = os.dup(1)
    except OSError:  # standard output is closed, as under some schedulers
        kept = None
    try:
        if kept is not None:
            os.dup2(2, 1)
        yield
    finally:
        sys.stdout = kept_object
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def open_missing() -> None:
    """Put the null device in the place of streams that were closed before the process began, as by `>&-`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # kept to the end


def nobody_reads(exc: OSError) -> bool:
    """Return whether writing failed since the reader of standard output, or its terminal, has gone."""
    return exc.filename is None and exc.errno in {errno.EPIPE, errno.EIO}


def drop_stdout() -> None:
    """Send what is still to be written to standard output nowhere: the interpreter flushes once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def outcome() -> Iterator[Screen]:
    """Write the outcome of something that is done; it stays done if nobody reads of it."""
    from clsfw.report.terminal import Screen

    try:
        yield Screen(sys.stdout)
        sys.stdout.flush()
    except OSError as exc:
        if not nobody_reads(exc):
            raise
        drop_stdout()
