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
    """Do as `explained` for code of libraries, which hide a full disk in errors of their own."""
    try:
        with explained(path):
            yield
    except HostError:
        raise
    except Exception as exc:
        number = _hidden_errno(exc)
        if number is None:
            raise
        raise HostError(_message(path, "write", OSError(number, os.strerror(number)), None)) from exc


def _hidden_errno(exc: Exception) -> int | None:
    """Find the operating system's error number in the text of a library's error."""
    text = str(exc)
    rust = re.search(r"\(os error (\d+)\)|\bcode: (\d+), kind: ", text)  # safetensors, tokenizers
    if rust:
        return int(rust[1] or rust[2])
    if "No space left on device" in text or "PytorchStreamWriter failed" in text or "inline_container.cc" in text:
        return errno.ENOSPC  # torch.save says no more than that its position is not the expected one
    return None


def _message(path: Path, doing: str, exc: OSError, needed: int | None) -> str:
    if exc.errno in _FULL:
        wants = "" if needed is None else f"{needed:,} bytes needed, "
        return (
            f"cannot {doing} {path}: the disk is full ({wants}{free_bytes(path):,} bytes free); "
            "free some space, and the same command goes on"
        )
    advice = _ADVICE.get(exc.errno or 0)
    return f"cannot {doing} {path}: {_words(exc)}" + (f"; {advice}" if advice else "")


def _words(exc: OSError) -> str:
    text = exc.strerror or str(exc)
    return text[:1].lower() + text[1:]
