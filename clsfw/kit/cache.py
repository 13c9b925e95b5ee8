"""Where downloads and tokens are kept between runs."""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from clsfw.errors import HostError
from clsfw.kit import files
from clsfw.kit.atomic import PREFIX
from clsfw.kit.disk import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw.contract.parts import Reporter

_LEFT_AFTER_SECONDS = 24 * 3600


def cache_directory(name: str) -> Path:
    """Return the folder `name` of the user's cache, made if missing.

    The cache is `$CLSFW_CACHE`, else `$XDG_CACHE_HOME/clsfw`, else `~/.cache/clsfw`. Several processes may use it at
    once, so what a crash left of an unfinished write is removed only after a day.

    Raises:
        HostError: it cannot be made or written.

    """
    own = os.environ.get("CLSFW_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME")
    base = Path(own) if own else (Path(shared) if shared else Path("~/.cache")) / "clsfw"
    folder = base.expanduser().absolute() / name
    with explained(folder):
        files.make_directories(folder)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if (odd := _odd(folder)) is not None:
            raise HostError(f"{odd} is a pipe, a socket or a device, which no cache holds; remove it")
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else may be removing it too
            if time.time() - left.stat().st_mtime > _LEFT_AFTER_SECONDS:
                files.remove_tree(left)
    return folder


def _odd(folder: Path, below: int = 1) -> str | None:
    """Return something in a folder, or in the entries of it, that a reader could wait on for ever."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:  # another process may remove what is old
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                found = _odd(Path(entry.path), below - 1) if below else None
            else:  # a link to nowhere is no danger
                found = entry.path if Path(entry.path).exists() and not entry.is_file() else None
            if found is not None:
                return found
    return None


@contextmanager
def alone(lock: Path, doing: str, reporter: Reporter) -> Iterator[None]:
    """Let one process at a time do what the file `lock` stands for; whoever comes later gets a message, and waits.

    Raises:
        HostError: the file cannot be made or locked.

    """
    held = FileLock(lock)
    with explained(lock):
        try:
            held.acquire(timeout=0)
        except Timeout:
            reporter.note(f"another process is {doing}; waiting for it")
            held.acquire()
    try:
        yield
    finally:
        held.release()
