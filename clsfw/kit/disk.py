"""What the machine's disks say: how much is free, and what went wrong."""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clsfw.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NEARLY_FULL = 64 * 1024 * 1024
_ADVICE = {
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "choose a place that this user may write",
    errno.EPERM: "choose a place that this user may write",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs, or raise the system's limit of open files",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EIO: "the disk or its connection failed: look at the system's log",
}


def free_bytes(path: Path) -> int:
    """Count the free bytes where `path` is or will be.

    Raises:
        HostError: the disk cannot be asked.

    """
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError as exc:
        raise HostError(f"cannot see how much space is free at {place}: {_words(exc)}") from exc


def require_space(path: Path, needed: int, what: str) -> None:
    """Make sure that `needed` bytes fit where `path` is or will be; `what` names them, as in "the checkpoints".

    Raises:
        HostError: they do not fit.

    """
    free = free_bytes(path)
    if free < needed:
        raise HostError(
            f"{path}: {what} will need {needed:,} bytes, but only {free:,} bytes are free there; "
            "free some space or choose another place"
        )


@contextmanager
def explained(path: Path, doing: str = "write", needed: int | None = None) -> Iterator[None]:
    """Turn an `OSError` of the block into a `HostError` that names the path; a full disk also by needed and free bytes.

    Raises:
        HostError: the operating system refused.

    """
    try:
        yield
    except OSError as exc:
        raise HostError(_message(path, doing, exc, needed)) from exc


@contextmanager
def explained_libraries(path: Path) -> Iterator[None]:
    """Do as `explained` around code of others, which may hide a full disk in errors of their own, or simply be wrong.

    Raises:
        HostError: the operating system refused; any other error passes.

    """
    try:
        yield
    except Exception as exc:
        number = _errno(exc, path)
        if number not in (*_FULL, *_ADVICE):
            raise
        raise HostError(_message(path, "write", OSError(number, os.strerror(number)), None)) from exc


def _errno(exc: Exception, path: Path) -> int:
    """Find the operating system's error number in an error or in its text; 0 if it has none."""
    if isinstance(exc, OSError) and exc.errno:
        return exc.errno
    text = str(exc)
    rust = re.search(r"\(os error (\d+)\)", text)  # safetensors, tokenizers
    if rust:
        return int(rust[1])
    # These two tell only that less was written than asked.
    torch, numpy = "inline_container.cc" in text, re.search(r"\d+ requested and \d+ written", text)
    if torch or numpy:
        return errno.ENOSPC if free_bytes(path) < _NEARLY_FULL else errno.EFBIG
    return 0


def _message(path: Path, doing: str, exc: OSError, needed: int | None) -> str:
    if exc.errno in _FULL:
        wants = "" if needed is None else f"{needed:,} bytes needed, "
        return (
            f"cannot {doing} {path}: the disk is full ({wants}{free_bytes(path):,} bytes free); "
            "free some space, and the same command goes on"
        )
    advice = _ADVICE.get(exc.errno or 0)
    if doing == "read" and exc.errno in (errno.EACCES, errno.EPERM):
        advice = "choose one that this user may read"
    return f"cannot {doing} {path}: {_words(exc)}" + (f"; {advice}" if advice else "")


def _words(exc: OSError) -> str:
    text = exc.strerror or str(exc)
    return text[:1].lower() + text[1:]
